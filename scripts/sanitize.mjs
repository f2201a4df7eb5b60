// Runs a part of the tests with an addon built by AddressSanitizer or ThreadSanitizer:
//
//   node scripts/sanitize.mjs address|thread [mocha arguments]
//
// The sanitizer's runtime has to come first in the process, so it is preloaded into plain node. AddressSanitizer
// also looks for leaks: node has hundreds of its own, so only those with a frame of the addon count.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildOrExit } from "./native.mjs";

const [kind, ...given] = process.argv.slice(2);
const library = { address: "libasan.so", thread: "libtsan.so" }[kind];
if (!library) {
  console.error(`sanitize: the kind is address or thread, got ${kind}`);
  process.exit(1);
}

const root = fileURLToPath(new URL("..", import.meta.url));
const addon = buildOrExit({ sanitize: kind, quiet: true });
const runtime = execFileSync("g++", [`-print-file-name=${library}`], { encoding: "utf8" }).trim();
const logs = mkdtempSync(join(tmpdir(), "adastep-sanitize-"));
// A test asks for more memory than there is: the allocator must refuse, as the system does.
const options = [`log_path=${logs}/report`, "exitcode=99", "allocator_may_return_null=1"];
const mocha = createRequire(import.meta.url).resolve("mocha/bin/mocha.js");
// By default what exercises the addon: not packaging, the command line or the examples; no test with a clock or of the
// memory of the process, where AddressSanitizer keeps what is freed; and none of processes that are killed, which report nothing.
const all = [
  "test/{binding,device,tensor,nn,optim,train,stress}/**/*.test.ts",
  "--ignore",
  "test/{stress/event-loop,train/long,train/kill}.test.ts",
];
const part = given.length > 0 ? given : all;

const run = spawnSync(process.execPath, [mocha, "--timeout", "600000", ...part], {
  cwd: root,
  stdio: "inherit",
  env: {
    // Random calls on one thread are AddressSanitizer's subject.
    ...(kind === "thread" && { ADASTEP_FUZZ_CALLS: "100000" }),
    ...process.env,
    LD_PRELOAD: realpathSync(runtime),
    ADASTEP_ADDON: addon,
    ASAN_OPTIONS: [...options, "detect_stack_use_after_return=1"].join(":"),
    LSAN_OPTIONS: "exitcode=0", // judged below
    TSAN_OPTIONS: [...options, "second_deadlock_stack=1", "ignore_noninstrumented_modules=1"].join(":"),
  },
});

const reports = readdirSync(logs).map((name) => readFileSync(join(logs, name), "utf8"));
rmSync(logs, { recursive: true });
const leaks = reports
  .flatMap((text) => text.split(/\n{2,}/))
  .filter((text) => /leak of \d+ byte/.test(text) && (text.includes("adastep") || text.includes(root)));
const errors = reports.filter((text) =>
  /(ERROR: AddressSanitizer|WARNING: ThreadSanitizer|FATAL|fatal error)/.test(text),
);
for (const text of [...errors, ...leaks]) console.error(text);
console.log(`sanitize ${kind}: ${errors.length} reports, ${leaks.length} leaks of the addon`);
process.exit(run.status || errors.length + leaks.length > 0 ? 1 : 0);
