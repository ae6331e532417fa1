/* Let the server's sanitised HTML in, and nothing else: the one place of the page that parses HTML.

The server has sanitised it; what is here is the second lock, should the first ever fail. */
const policy = window.trustedTypes
  ? window.trustedTypes.createPolicy("quarterdeck", { createHTML: (html) => html })
  : { createHTML: (html) => html };

const TAGS = new Set(
  "P H1 H2 H3 H4 H5 H6 STRONG B EM I S DEL CODE PRE BLOCKQUOTE UL OL LI TABLE THEAD TBODY TR TH TD HR BR A SPAN DIV SUP SUB DL DT DD MARK".split(" "),
);
const ATTRIBUTES = new Set(["class", "href", "rel", "target", "align", "start", "data-n", "dir", "lang"]);
const LINK = /^(?:https?:\/\/|mailto:|#)/i;

/** Return a fragment of `html` that holds nothing but text, its markup and safe links. */
export function fragment(html) {
  const holder = document.createElement("template");
  holder.innerHTML = policy.createHTML(html);
  for (const element of [...holder.content.querySelectorAll("*")]) clean(element);
  return holder.content;
}

function clean(element) {
  if (!TAGS.has(element.tagName)) {
    element.replaceWith(document.createTextNode(element.textContent));
    return;
  }
  for (const { name } of [...element.attributes]) if (!ATTRIBUTES.has(name)) element.removeAttribute(name);
  const href = element.getAttribute("href");
  if (href !== null && !LINK.test(href)) element.removeAttribute("href");
}
