// A driver that cannot be used is an entry of devices() with the reason, and never a failure of the CPU.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect } from "chai";

const PROGRAM = `
  const { Device, devices } = await import(${JSON.stringify(new URL("../../lib/index.ts", import.meta.url).href)});
  const gpu = devices().find((device) => device.kind === "cuda");
  const automatic = await Device.open();
  const refused = await Device.open("cuda").then(() => "opened", (error) => error.code + ": " + error.message);
  console.log(JSON.stringify({ unavailable: gpu?.unavailable, automatic: automatic.kind, refused }));
  automatic.dispose();
`;

function ask(env: Record<string, string>): { unavailable: string; automatic: string; refused: string } {
  const cwd = fileURLToPath(new URL("../..", import.meta.url));
  const words = ["--import=tsx/esm", "--input-type=module", "--eval", PROGRAM];
  const { stdout, stderr } = spawnSync(process.execPath, words, {
    cwd,
    env: { ...process.env, ...env },
    encoding: "utf8",
  });
  expect(stderr).to.equal("");
  return JSON.parse(stdout);
}

describe("a CUDA driver that cannot be used", () => {
  const cases: [title: string, env: Record<string, string>, reason: RegExp][] = [
    ["is too old", { ADASTEP_EMULATED_DRIVER_VERSION: "12040" }, /12\.4.*580/],
    ["is not there", { ADASTEP_CUDA_DRIVER: "/nowhere/libcuda.so.1" }, /\/nowhere\/libcuda\.so\.1/],
  ];
  for (const [title, env, reason] of cases) {
    it(`${title}: listed with the reason, passed over by "auto", refused by name`, () => {
      const { unavailable, automatic, refused } = ask(env);
      expect(unavailable).to.match(reason);
      expect(automatic).to.equal("cpu");
      expect(refused)
        .to.match(/^ADASTEP_UNAVAILABLE: cuda cannot be used: /)
        .and.match(reason);
    });
  }
});
