// HTML: text that is safe in it, tables and figures.

import type { Chart } from "./chart.js";

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text in HTML, between tags and in attributes. */
export const escapeHtml = (text: string): string =>
  text.replace(/[&<>"']/g, (sign) => ESCAPES[sign] as string);

/** A table; its first column names the rows. Cells are text. */
export function table(
  caption: string,
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  if (rows.length === 0) return "";
  const headings = head.map((text) => `<th scope="col">${escapeHtml(text)}</th>`).join("");
  const lines = rows.map(([name = "", ...cells]) => {
    const rest = cells.map((cell) => `<td>${escapeHtml(cell)}</td>`).join("");
    return `<tr><th scope="row">${escapeHtml(name)}</th>${rest}</tr>`;
  });
  return `<div class="table"><table><caption>${escapeHtml(caption)}</caption><thead><tr>${headings}</tr></thead>
<tbody>${lines.join("\n")}</tbody></table></div>`;
}

/** A chart with its title and caption; `drawn` is its SVG. */
export function figure({ title, caption }: Chart, drawn: string): string {
  const label = `${title}. ${caption}`;
  const svg = drawn.replace(/^<svg /, `<svg role="img" aria-label="${escapeHtml(label)}" `);
  return `<figure><h3>${escapeHtml(title)}</h3>${svg}<figcaption>${escapeHtml(caption)}</figcaption></figure>`;
}

const STYLE = `
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1520px; padding: 28px 24px 64px; background: #fff; color: #1f2328;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
h1 { font-size: 24px; margin: 0 0 2px; }
h2 { font-size: 19px; margin: 36px 0 10px; padding-bottom: 6px; border-bottom: 1px solid #d1d9e0; }
h3 { font-size: 15px; margin: 0 0 6px; }
p { margin: 4px 0; max-width: 100ch; }
.soft, figcaption, caption { color: #59636e; font-size: 13px; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(460px, 100%), 1fr)); gap: 22px; margin-top: 14px; }
figure { margin: 0; border: 1px solid #d1d9e0; border-radius: 6px; padding: 14px 16px 12px; max-width: 760px; }
figure svg { display: block; width: 100%; height: auto; }
figcaption { margin-top: 4px; }
.table { overflow-x: auto; margin-top: 12px; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding-bottom: 4px; white-space: nowrap; }
th, td { padding: 5px 14px 5px 0; text-align: right; border-bottom: 1px solid #e6e8eb; white-space: nowrap; }
thead th { font-size: 13px; color: #59636e; font-weight: 600; }
th:first-child { text-align: left; font-weight: 600; }
details { margin-top: 18px; } summary { cursor: pointer; font-weight: 600; }
@media print { details { display: block; } figure { break-inside: avoid; } }
`;

/** A whole page that asks for nothing else; `script` is for pages that are served. */
export function page(title: string, body: string, script = ""): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
${body}
${script && `<script>${script}</script>`}
</body>
</html>
`;
}
