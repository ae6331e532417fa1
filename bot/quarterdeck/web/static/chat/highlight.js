/* Colour code whose language the server did not know: words, strings, numbers and comments are enough to read by. */
import { h } from "../lib/dom.js";

const LIMIT = 40_000;
const WORDS = new Set((
  "abstract and as assert async await begin bool boolean break case catch char class const continue def default defer del do done double elif else " +
  "elsif end enum esac except export extends extern false fi final finally float fn for foreach from func function global go if impl implements " +
  "import in include instanceof int interface internal is lambda let local long loop match mod module mut namespace new nil none not null of or " +
  "package pass private protected pub public raise return select self short static string struct super switch then this throw throws trait true " +
  "try type typeof undefined union unless unsafe until use using var void when where while with yield"
).split(" "));
const SQL = new Set((
  "add all alter and as asc begin between by case commit create delete desc distinct drop else end exists from group having in index inner insert " +
  "into is join key left like limit not null on or order outer primary references right rollback select set table then union unique update values " +
  "view when where with"
).split(" "));
const HASH = /^(?:py|python|sh|bash|zsh|shell|console|rb|ruby|ya?ml|toml|ini|conf|dockerfile|make|makefile|r|perl|pl|nix|elixir|)$/;
const DASH = /^(?:sql|lua|haskell|hs|ada|elm)$/;
const PLAIN = /^(?:text|txt|plain|plaintext|log|output|none|markdown|md)$/;
const STRING = `"(?:\\\\.|[^"\\\\\\n])*"|'(?:\\\\.|[^'\\\\\\n])*'|\`(?:\\\\.|[^\`\\\\])*\``;
const NUMBER = "\\b0x[\\da-fA-F_]+\\b|\\b\\d[\\d_]*(?:\\.\\d+)?(?:e[+-]?\\d+)?\\b";

function comments(language) {
  if (HASH.test(language)) return "#[^\\n]*";
  if (DASH.test(language)) return "--[^\\n]*|/\\*[^]*?\\*/";
  if (/^(?:html|xml|svg|vue)$/.test(language)) return "<!--[^]*?-->";
  if (language === "json") return "(?!)";
  return "//[^\\n]*|/\\*[^]*?\\*/";
}

/** Cut code into [kind, text]; an empty kind is plain. */
export function tokens(code, language) {
  const words = language === "sql" ? SQL : WORDS;
  const pattern = new RegExp(`(${comments(language)})|(${STRING})|(${NUMBER})|([A-Za-z_$][\\w$]*)(?=(\\s*\\()?)`, "g");
  const found = [];
  let end = 0;
  for (const match of code.matchAll(pattern)) {
    const [text, comment, string, number, word, call] = match;
    const kind = comment ? "com" : string ? "str" : number ? "num" : isWord(word, words, language) ? "kw" : call ? "name" : "";
    if (!kind) continue;
    if (match.index > end) found.push(["", code.slice(end, match.index)]);
    found.push([kind, text]);
    end = match.index + text.length;
  }
  if (end < code.length) found.push(["", code.slice(end)]);
  return found;
}

function isWord(word, words, language) {
  return words.has(language === "sql" ? word.toLowerCase() : word) || /^(?:True|False|None)$/.test(word);
}

/** Colour the text of a `<code>` element in place. */
export function highlight(element, language) {
  const code = element.textContent;
  if (code.length > LIMIT || PLAIN.test(language) || element.firstElementChild) return;
  const parts = /^(?:diff|patch)$/.test(language) ? lines(code) : tokens(code, language);
  element.replaceChildren(...parts.map(([kind, text]) => (kind ? h("span", { class: `hl-${kind}` }, text) : text)));
}

function lines(code) {
  return code.split(/(?<=\n)/).map((line) => [line.startsWith("+") ? "add" : line.startsWith("-") ? "del" : "", line]);
}
