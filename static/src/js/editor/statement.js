// What the text around the cursor names: which table an alias stands for, which qualifier and prefix are being typed.
// Names are paths as the server writes them: parts URL-encoded and joined by a slash.

const part = String.raw`(?:[\p{L}_][\p{L}\p{N}_$]*|"(?:[^"]|"")*"|` + "`(?:[^`]|``)*`)";
const name = `${part}(?:\\s*\\.\\s*${part})*`;
const notAlias = /^(?:on|using|where|group|order|having|limit|offset|join|inner|left|right|full|cross|natural|union|except|intersect|set|values|select|returning|window|fetch|for|as)$/i;
const tableItem = new RegExp(`\\s*(${name})(?:\\s+(?:as\\s+)?(${part}))?\\s*(,)?`, "iuy");
const typed = new RegExp(`((?:${part}\\s*\\.\\s*)*)((?:[\\p{L}_][\\p{L}\\p{N}_$]*)?|"[^"]*|\`[^\`]*)$`, "u");

const unquoted = (text) => (/^["`]/.test(text) ? text.slice(1, -1).replaceAll('""', '"').replaceAll("``", "`") : text);

function path(text) {
  return [...text.matchAll(new RegExp(part, "gu"))].map(([one]) => encodeURIComponent(unquoted(one))).join("/");
}

// blanked hides comments and strings, keeping every position.
function blanked(sql) {
  return sql.replace(/--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|'(?:[^']|'')*(?:'|$)/g, (found) => " ".repeat(found.length));
}

// statementAt is the statement that holds the position, with the position counted from its start.
export function statementAt(sql, position) {
  const text = blanked(sql);
  const start = text.lastIndexOf(";", position - 1) + 1;
  const end = text.indexOf(";", position);
  return { text: text.slice(start, end < 0 ? undefined : end), position: position - start };
}

// tables are the tables that a statement names, each with its alias or its own name.
export function tables(text) {
  const found = [];
  for (const clause of text.matchAll(/\b(?:from|join|update|into)\b/gi)) {
    tableItem.lastIndex = clause.index + clause[0].length;
    for (let item = tableItem.exec(text); item; item = item[3] ? tableItem.exec(text) : null) {
      const alias = item[2] && !notAlias.test(item[2]) ? unquoted(item[2]) : "";
      found.push({ path: path(item[1]), alias: alias || decodeURIComponent(path(item[1]).split("/").at(-1)) });
      if (item[2] && !alias) break;
    }
  }
  return found;
}

// typing is what stands before the cursor: prefix, the length of what a choice replaces, and the qualifier with aliases resolved.
export function typing(sql, position) {
  const statement = statementAt(sql, position);
  const [, before, last] = typed.exec(statement.text.slice(0, statement.position));
  const named = tables(statement.text);
  let qualifier = path(before);
  const table = named.find(({ alias }) => encodeURIComponent(alias.toLowerCase()) === qualifier.toLowerCase());
  if (table) qualifier = table.path;
  return { prefix: last.replace(/^["`]/, ""), length: last.length, qualifier, qualified: before !== "", tables: named.map((t) => t.path) };
}
