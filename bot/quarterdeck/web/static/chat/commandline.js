/* Read as much of a command line as the page needs to offer the right thing; the server reads it for real. */

/** Return the commands that fit what was typed: by their name's start, by a part of it, by their summary. */
export function fitting(commands, typed) {
  const wanted = typed.toLowerCase();
  const rank = ({ name, summary }) =>
    name === wanted ? -1 : name.startsWith(wanted) ? 0 : name.includes(wanted) ? 1 : summary.toLowerCase().includes(wanted) ? 2 : 3;
  return commands
    .map((command) => ({ command, place: rank(command) }))
    .filter(({ place }) => place < 3)
    .sort((one, other) => one.place - other.place)
    .map(({ command }) => command);
}

/** Return the parts of a command's signature. */
export function usage(command) {
  return command.options.map((option) => {
    const value = option.choices?.length ? option.choices.join("|") : option.name;
    const text = option.positional || option.rest ? `<${value}>` : `--${option.name} <${value}>`;
    return { name: option.name, text: option.required ? text : `[${text}]` };
  });
}

/** Return the option that stands next in line, with what is typed of it: {option, typed, length}. */
export function nextOption(command, rest) {
  const words = rest.match(/"[^"]*"?|'[^']*'?|\S+/g) ?? [];
  const isOpen = rest !== "" && !/\s$/.test(rest);
  const typed = isOpen ? words.pop() : "";
  const named = command.options.filter((option) => !option.positional && !option.rest);
  const before = words.at(-1);
  const current = before?.startsWith("--") ? named.find((option) => `--${option.name}` === before) : null;
  if (current && current.kind !== "boolean") return { option: current, typed: typed.replace(/^["']/, ""), length: typed.length };
  let given = 0;
  for (let at = 0; at < words.length; at += 1) {
    const option = words[at].startsWith("--") && named.find((one) => `--${one.name}` === words[at]);
    if (option) at += option.kind === "boolean" ? 0 : 1;
    else given += 1;
  }
  const placed = command.options.filter((option) => option.positional || option.rest);
  const option = typed.startsWith("--") ? null : (placed[given] ?? (placed.at(-1)?.rest ? placed.at(-1) : null));
  return { option, typed: typed.replace(/^["']/, ""), length: typed.length };
}
