// How much a first visit of the page loads: `node size.mjs FOLDER`, with the folder that the server
// serves as /pkg.

import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { sizeRow } from "./rows.mjs";

// What is aimed at for the page's WebAssembly, compressed with brotli.
const AIM_BYTES = 300_000;

const [folder] = process.argv.slice(2);
if (!folder) throw new Error("usage: node size.mjs FOLDER");
const size = (name) => statSync(join(folder, name)).size;

const wasm = "stagewatch_bg.wasm";
sizeRow("the page's wasm, gzip", size(`${wasm}.gz`), "the same, raw", size(wasm));
sizeRow("the page's wasm, brotli", size(`${wasm}.br`), "the same, raw", size(wasm));
sizeRow("the page's wasm, brotli", size(`${wasm}.br`), "the aim", AIM_BYTES);

const loaded = readdirSync(folder).filter((name) => /\.(wasm|js|css)$/.test(name));
const sum = (suffix) => loaded.reduce((bytes, name) => bytes + size(name + suffix), 0);
sizeRow("wasm, script and style, brotli", sum(".br"), "the same, raw", sum(""));
