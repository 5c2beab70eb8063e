// What the text around the cursor names: which table an alias stands for, which qualifier and prefix are being typed.
// Names are paths as the server writes them: parts URL-encoded and joined by a slash.

const quoted = String.raw`"(?:[^"]|"")*"(?!")|` + "`(?:[^`]|``)*`(?!`)";
const word = String.raw`[\p{L}_][\p{L}\p{M}\p{N}_$]*`;
const part = `(?:${word}|${quoted})`;
const name = `${part}(?:\\s*\\.\\s*${part})*`;
const notAlias = /^(?:on|using|where|group|order|having|limit|offset|join|inner|left|right|full|cross|natural|union|except|intersect|set|values|select|returning|window|fetch|for|as)$/i;
const tableItem = new RegExp(`\\s*(${name})(?:\\s+(?:as\\s+)?(${part}))?\\s*(,)?`, "iuy");
const qualifierBefore = new RegExp(`(?:${part}\\s*\\.\\s*)*$`, "u");
const wordBefore = new RegExp(`(?:${word})?$`, "u");
const restOfQuoted = /^[\p{L}\p{M}\p{N}_$]*["`]/u;
const namesNothing = String.raw`--[^\n]*|/\*[\s\S]*?(?:\*/|$)|'(?:[^']|'')*(?:'|$)`;
const spans = new RegExp(`(${namesNothing})|${quoted}`, "g");

const unquoted = (text) => (/^["`]/.test(text) ? text.slice(1, -1).replaceAll('""', '"').replaceAll("``", "`") : text);

const parts = (text) => [...text.matchAll(new RegExp(part, "gu"))].map(([one]) => unquoted(one));

const path = (names) => names.map(encodeURIComponent).join("/");

// blanked hides comments and strings, and quoted names where bare is true, keeping every position.
function blanked(sql, bare) {
  return sql.replace(spans, (found, nothing) => (bare || nothing !== undefined ? " ".repeat(found.length) : found));
}

// statementAt is the statement that holds the position, with the position counted from its start.
export function statementAt(sql, position) {
  const signs = blanked(sql, true);
  const start = signs.slice(0, position).lastIndexOf(";") + 1;
  const end = signs.indexOf(";", position);
  return { text: blanked(sql, false).slice(start, end < 0 ? undefined : end), position: position - start };
}

// tables are the tables that a statement names, each with its alias or its own name.
export function tables(text) {
  const found = [];
  for (const clause of blanked(text, true).matchAll(/\b(?:from|join|update|into)\b/gi)) {
    tableItem.lastIndex = clause.index + clause[0].length;
    for (let item = tableItem.exec(text); item; item = item[3] ? tableItem.exec(text) : null) {
      const alias = item[2] && !notAlias.test(item[2]) ? unquoted(item[2]) : "";
      const names = parts(item[1]);
      found.push({ path: path(names), alias: alias || names.at(-1) });
      if (item[2] && !alias) break;
    }
  }
  return found;
}

// quoteBefore is where the quoted name begins in which the position is, -1 where it is in none.
function quoteBefore(text, position) {
  const around = [...text.matchAll(spans)].find(({ 0: found, index }) => index < position && position < index + found.length);
  return around ? around.index : blanked(text.slice(0, position), true).search(/["`]/);
}

// restOf is how much after the cursor belongs to the quoted name that is being typed: the quote that closes it, and what stands
// before that as long as it is one word; more may be something else, where the quote is not closed yet.
function restOf(after, quote) {
  const [rest = ""] = restOfQuoted.exec(after) ?? [];
  return rest.endsWith(quote) ? rest.length : 0;
}

// typing is what is being typed: prefix, how much before and after the cursor a choice replaces, and the qualifier with aliases
// resolved.
export function typing(sql, position) {
  const { text, position: cursor } = statementAt(sql, position);
  const quote = quoteBefore(text, cursor);
  const from = quote < 0 ? text.slice(0, cursor).search(wordBefore) : quote;
  const typed = text.slice(from, cursor);
  const [before] = qualifierBefore.exec(text.slice(0, from));
  const qualifier = parts(before);
  const named = tables(text);
  const table = qualifier.length === 1 && named.find(({ alias }) => alias.toLowerCase() === qualifier[0].toLowerCase());
  return {
    prefix: quote < 0 ? typed : unquoted(typed + typed[0]),
    length: typed.length,
    rest: quote < 0 ? 0 : restOf(text.slice(cursor), typed[0]),
    qualifier: table ? table.path : path(qualifier),
    qualified: before !== "",
    tables: named.map((t) => t.path),
  };
}
