// Writes docs/cli.md from the table of verbs of dist/cli; with --check it only tells whether the file is what it would write.
//
//   node scripts/cli-docs.mjs [--check]
import { readFileSync, writeFileSync } from "node:fs";
import { EXIT_MEANINGS } from "../dist/cli/errors.js";
import { ENVIRONMENT, flagText, usageOf } from "../dist/cli/help.js";
import { VERBS } from "../dist/cli/verbs.js";

const FILE = new URL("../docs/cli.md", import.meta.url);

const INTRODUCTION = `# The command line

\`npx adastep <verb>\`; \`adastep <verb> --help\` says what is said here. This page is made by \`npm run docs:cli\` from the table in
[lib/cli/verbs.ts](../lib/cli/verbs.ts), and a test holds it to that.

A run is a folder:

| file | what it is |
|---|---|
| \`run.json\` | the command that began it, with all defaults filled in, for \`resume\` |
| \`model.json\` | layers, fields, labels, classes and scalings, and the version that wrote them: how records become input, and output answers |
| \`model.safetensors\` | the parameters, under PyTorch's names, once the training has ended or was interrupted |
| \`checkpoints/\` | the newest three, each a folder that is there as a whole or not at all |
| \`config.json\`, \`events.jsonl\` | the log that \`report\` reads |

\`evaluate\`, \`predict\` and \`export\` need the model's two files alone. All are checked when they are read; what is wrong is
named with its file.

Where standard output is no terminal, \`train\` and \`resume\` write lines of JSON, whose \`type\` is \`begin\`, \`step\` (one per
\`--interval\`), \`eval\` (after each epoch) and \`end\`; on a terminal they show a bar.
`;

const cell = (text) => text.replaceAll("|", "\\|");
const code = (text) => `\`${text}\``;
const table = (head, rows) =>
  [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.map(cell).join(" | ")} |`).join("\n");

function section(verb) {
  const { name, summary, operands, flags, details = [], examples } = verb;
  const rows = [
    ...operands.map(({ name: operand, help }) => [code(operand), help]),
    ...Object.keys(flags).map((flag) => [code(flagText(flag, flags)), flags[flag].help]),
  ];
  return [
    `## ${name}`,
    `${summary[0].toUpperCase()}${summary.slice(1)}.`,
    `\`\`\`sh\n${examples.join("\n")}\n\`\`\``,
    ...details,
    `${code(usageOf(verb))}`,
    table(["argument", "what it is"], rows),
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}

const text = [
  INTRODUCTION.trimEnd(),
  ...VERBS.map(section),
  `## Exit codes\n\n${table(
    ["code", "meaning"],
    EXIT_MEANINGS.map(([number, meaning]) => [String(number), meaning]),
  )}`,
  `## Environment\n\n${table(
    ["variable", "meaning"],
    ENVIRONMENT.map(([name, meaning]) => [code(name), meaning]),
  )}`,
].join("\n\n");

if (process.argv.includes("--check")) {
  if (readFileSync(FILE, "utf8") !== `${text}\n`) {
    console.error("docs/cli.md is not what the table of verbs says: npm run docs:cli");
    process.exitCode = 1;
  }
} else {
  writeFileSync(FILE, `${text}\n`);
}
