// Opens a page in a headless Chromium and says what is wrong with it: errors on the console, requests to anywhere,
// what axe-core finds. Usage: node look.mjs CHROMIUM PAGE FOLDER-FOR-SCREENSHOTS NAME
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const require = createRequire(process.env.MIGRATE_NODE_MODULES ? process.env.MIGRATE_NODE_MODULES + "/x.js" : import.meta.url);
const puppeteer = require("puppeteer-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const [chromium, page, folder, name] = process.argv.slice(2);
const url = pathToFileURL(page).href;

const browser = await puppeteer.launch({ executablePath: chromium, args: ["--no-sandbox", "--disable-gpu", "--hide-scrollbars"] });
const wrong = [];
for (const scheme of ["light", "dark"]) {
  for (const width of [400, 1280, 1920]) {
    const tab = await browser.newPage();
    tab.on("console", (it) => { if (["error", "warn", "warning"].includes(it.type())) wrong.push(`console: ${it.text()}`); });
    tab.on("pageerror", (it) => wrong.push(`script: ${it.message}`));
    tab.on("request", (it) => { if (it.url() !== url && !it.url().startsWith("data:")) wrong.push(`request: ${it.url()}`); });
    await tab.setBypassCSP(true); // for axe, which is put into the page; the page itself is opened with its policy
    await tab.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    await tab.setViewport({ width, height: 1000 });
    await tab.goto(url, { waitUntil: "load" });
    const wide = await tab.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (wide > 0) wrong.push(`${width} px: the page is ${wide} px too wide`);
    await tab.screenshot({ path: `${folder}/${name}-${scheme}-${width}.png`, fullPage: true });
    // Once more with everything opened: what is folded must be right too.
    await tab.evaluate(() => document.querySelectorAll("details").forEach((it) => { it.open = true; }));
    await tab.evaluate(axe);
    const found = await tab.evaluate(async () => (await axe.run(document, { resultTypes: ["violations"] })).violations
      .map((it) => `${it.impact} ${it.id}: ${it.nodes.slice(0, 3).map((node) => node.target.join(" ") + " " + (node.any[0]?.message ?? "")).join(" | ")}`));
    wrong.push(...found.map((it) => `axe at ${width} px, ${scheme}: ${it}`));
    await tab.close();
  }
}
// Boxes and texts of drawings as the browser really draws them: no text leaves its box.
const tab = await browser.newPage();
await tab.setViewport({ width: 1280, height: 1000 });
await tab.goto(url, { waitUntil: "load" });
const outside = await tab.evaluate(() => [...document.querySelectorAll("svg .entity, svg .state, svg .label")].flatMap((group) => {
  const box = group.querySelector("rect").getBoundingClientRect();
  return [...group.querySelectorAll("text")].filter((it) => {
    const own = it.getBoundingClientRect();
    return own.left < box.left - 0.5 || own.right > box.right + 0.5 || own.bottom > box.bottom + 0.5;
  }).map((it) => it.textContent);
}));
wrong.push(...outside.map((it) => `a text leaves its box: ${it}`));
await browser.close();
for (const it of [...new Set(wrong)]) console.log(it);
