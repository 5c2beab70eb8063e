// Makes the fonts of the bundle from the variable fonts on npm: the characters and weights that the pages use, in parts that
// browsers load as a page needs them. static/build runs it: node fonts.js FOLDER.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import subset from "subset-font";

const inter = "node_modules/@fontsource-variable/inter/files/inter-";
const mono = "node_modules/@fontsource-variable/jetbrains-mono/files/jetbrains-mono-";

// The parts of css/fonts.css, by the same ranges.
const latin = [[0x20, 0x7e], [0xa0, 0xff], 0x131, [0x152, 0x153], 0x2c6, 0x2da, 0x2dc, [0x2013, 0x2014], [0x2018, 0x201a], [0x201c, 0x201e], [0x2020, 0x2022],
  0x2026, [0x2039, 0x203a], 0x20ac, 0x2122, [0x2190, 0x2193], 0x2212, 0x2215];
const extended = [[0x100, 0x17f]];
const rest = [[0x180, 0x2ff], [0x1e00, 0x1eff], [0x20a0, 0x20c0], [0x2c60, 0x2c7f], [0xa720, 0xa7ff]];

// What pages need of the fonts' own rules: kerning, figures of one width, accents. Ligatures of code are not wanted.
const sans = ["kern", "tnum", "ccmp", "locl", "mark", "mkmk"];
const code = ["ccmp", "locl", "mark"];

const weights = { wght: { min: 400, max: 700 } };
const fonts = [
  ["inter-latin", `${inter}latin-wght-normal.woff2`, latin, weights, sans],
  ["inter-latin-ext", `${inter}latin-ext-wght-normal.woff2`, extended, weights, sans],
  ["inter-latin-rest", `${inter}latin-ext-wght-normal.woff2`, rest, weights, sans],
  ["mono-latin", `${mono}latin-wght-normal.woff2`, latin, { wght: 400 }, code],
  ["mono-latin-ext", `${mono}latin-ext-wght-normal.woff2`, [...extended, ...rest], { wght: 400 }, code],
];

function characters(ranges) {
  let text = "";
  for (const range of ranges) {
    const [from, to] = [range].flat();
    for (let code = from; code <= (to ?? from); code++) text += String.fromCodePoint(code);
  }
  return text;
}

const folder = process.argv[2];
await mkdir(folder, { recursive: true });
for (const [name, source, ranges, variationAxes, keepFeatures] of fonts) {
  const font = await subset(await readFile(source), characters(ranges), { targetFormat: "woff2", variationAxes, keepFeatures });
  await writeFile(`${folder}/${name}.woff2`, font);
}
