// Runs that are interrupted, by Ctrl-C, SIGTERM and SIGKILL, and gone on with.

import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import { adastep, endOf, inFolder, interrupted, linesOf, type Outcome, trainRents } from "./support.js";
import { rents, rentsCsv } from "./tables.js";

/** 45 steps an epoch: signals come in the middle of epochs. */
const WORDS = "train digits --epochs 4 --interval 0 --checkpoint-every 45".split(" ");

/** What the folder of a run ends with. */
async function ending(run: string): Promise<Record<string, string>> {
  const [newest = ""] = (await readdir(join(run, "checkpoints"))).sort((a, b) =>
    a.slice(7) < b.slice(7) ? 1 : -1,
  );
  const files = ["model.safetensors", "optimizer.safetensors"].map((name) =>
    join("checkpoints", newest, name),
  );
  const read = ["model.safetensors", ...files].map(async (name) => {
    return [name.replace(/\d{6}-/, ""), (await readFile(join(run, name))).toString("base64")] as const;
  });
  return Object.fromEntries(await Promise.all(read));
}

/** Figures of the evaluations, by epoch. */
const evaluations = (...outcomes: Outcome[]): unknown[] =>
  outcomes
    .flatMap(({ stdout }) => linesOf(stdout))
    .filter(({ type }) => type === "eval")
    .map(({ step, epoch, loss, heldOut }) => ({ step, epoch, loss, heldOut }));

describe("adastep resume", function () {
  this.timeout(120_000);

  it("Ctrl-C in the middle of an epoch writes a checkpoint and exits 130; resume has the bits of a run without it", () =>
    inFolder(async (cwd) => {
      const whole = await adastep([...WORDS, "--run", "whole"], { cwd });
      expect(whole.code).to.equal(0);

      const first = await interrupted(cwd, [...WORDS, "--run", "cut"], "SIGINT", 60);
      expect(first.stderr).to.equal("");
      expect(first.code).to.equal(130);
      const stopped = endOf(first);
      expect(stopped).to.include({ reason: "aborted", epoch: 2 });
      expect(stopped.step).to.be.within(60, 89); // the second epoch ends at 90
      const model = await readFile(join(cwd, "cut/model.safetensors"));

      const second = await adastep(["resume", "cut", "--interval", "0"], { cwd });
      expect(second.stderr).to.equal("");
      expect(second.code).to.equal(0);
      expect(linesOf(second.stdout)[0]).to.include({ type: "begin", step: stopped.step, steps: 180 });
      expect(await readFile(join(cwd, "cut/model.safetensors"))).not.to.eql(model);
      expect(await ending(join(cwd, "cut"))).to.eql(await ending(join(cwd, "whole")));
      expect(evaluations(first, second)).to.eql(evaluations(whole));
      expect(endOf(second).heldOut).to.eql(endOf(whole).heldOut);

      const again = await adastep(["resume", "cut"], { cwd });
      expect(again.code).to.equal(0);
      expect(endOf(again)).to.include({ reason: "completed", step: 180 });
      expect(await ending(join(cwd, "cut"))).to.eql(await ending(join(cwd, "whole")));
    }));

  it("SIGTERM does as Ctrl-C, and a run that was killed goes on from its newest checkpoint, or from the start", () =>
    inFolder(async (cwd) => {
      const whole = await adastep([...WORDS, "--run", "whole"], { cwd });
      const told = await interrupted(cwd, [...WORDS, "--run", "told"], "SIGTERM", 50);
      expect(told.code).to.equal(143);
      const late = await interrupted(cwd, [...WORDS, "--run", "late"], "SIGKILL", 100);
      expect(late.code).to.equal(null);
      const early = await interrupted(cwd, [...WORDS, "--run", "early"], "SIGKILL", "begin");
      expect(early.code).to.equal(null);
      expect(await readdir(join(cwd, "early"))).not.to.include("model.safetensors");
      for (const run of ["told", "late", "early"]) {
        const { code, stdout } = await adastep(["resume", run], { cwd });
        expect(code, run).to.equal(0);
        expect(linesOf(stdout)[0]?.step, run).to.be.at.least({ told: 50, late: 90, early: 0 }[run] ?? 0);
        expect((await ending(join(cwd, run)))["model.safetensors"]).to.equal(
          (await ending(join(cwd, "whole")))["model.safetensors"],
        );
        expect(endOf({ code, stdout, stderr: "" }).heldOut).to.eql(endOf(whole).heldOut);
      }
    }));

  it("a run that is killed at any change of the file system before it trains is begun anew, or gone on with", () =>
    inFolder(async (cwd) => {
      const train = (run: string, env: Record<string, string> = {}): Promise<Outcome> =>
        adastep(["train", "digits", "--epochs", "1", "--hidden", "none", "--run", run], { cwd, env });
      expect((await train("whole")).code).to.equal(0);
      const model = await readFile(join(cwd, "whole/model.safetensors"));
      const preload = `--import=${new URL("killed.mjs", import.meta.url)}`;
      const taken = new Set<string>();
      for (let change = 0; ; change++) {
        const run = `r${change}`;
        const killed = await train(run, { NODE_OPTIONS: preload, KILLED_BEFORE: `${change}` });
        if (killed.stdout !== "") break; // it trained
        expect(killed.code, killed.stderr).to.equal(null);
        const again = await train(run);
        const resumed = again.code === 0 ? again : await adastep(["resume", run], { cwd });
        expect(resumed.stderr, run).to.equal("");
        expect(resumed.code, run).to.equal(0);
        expect(await readFile(join(cwd, run, "model.safetensors")), run).to.eql(model);
        taken.add(again.code === 0 ? "train" : "resume");
      }
      expect([...taken]).to.eql(["train", "resume"]);
    }));

  it("a second Ctrl-C exits at once, with no model saved", () =>
    inFolder(async (cwd) => {
      // Steps take a good part of a second, so that the second signal comes while one is waited for.
      const words = "train digits --hidden 4096,4096 --batch-size 4096 --interval 0 --run r".split(" ");
      const { code, stderr } = await interrupted(cwd, words, "SIGINT,SIGINT", 1);
      expect(stderr).to.equal("");
      expect(code).to.equal(130);
      expect(await readdir(join(cwd, "r"))).not.to.include("model.safetensors");
    }));

  it("a terminal says where it stopped", () =>
    inFolder(async (cwd) => {
      let sent = false;
      const { stdout } = await adastep(["train", "digits", "--epochs", "100000", "--run", "r"], {
        cwd,
        terminal: true,
        watch: (soFar, child) => {
          if (sent || !/accuracy/.test(soFar)) return;
          sent = true;
          // The terminal's own Ctrl-C: `script` hands it on to the foreground process.
          child.stdin?.write("\u0003");
        },
        keepInput: true,
      });
      expect(stdout)
        .to.match(/stopped +.*after step [\d,]+ of 4500000/)
        .and.match(/saved/);
    }));

  it("the data must be those that the run began with", () =>
    inFolder(async (cwd) => {
      const rows = rents();
      expect((await trainRents(cwd, rows, 2)).code).to.equal(0);
      await writeFile(join(cwd, "rents.csv"), rentsCsv(rows.slice(1)));
      const changed = await adastep(["resume", "r"], { cwd });
      expect(changed.stderr).to.match(
        /rents\.csv: got other fields, labels or numbers, accepted: the data that the run began with/,
      );
      expect(changed.code).to.equal(1);
      await rm(join(cwd, "rents.csv"));
      const missing = await adastep(["resume", "r"], { cwd });
      expect(missing.stderr).to.match(/rents\.csv: got ENOENT/);
      expect(missing.code).to.equal(1);
    }));

  it("a folder without a run, and files that are damaged: exit 1, naming the file and what is wrong", () =>
    inFolder(async (cwd) => {
      const fails = async (pattern: RegExp): Promise<void> => {
        const { code, stderr } = await adastep(["resume", "r"], { cwd });
        expect(stderr)
          .to.match(pattern)
          .and.match(/^adastep: [^\n]+\n$/);
        expect(code).to.equal(1);
      };
      await fails(/r\/run\.json: got ENOENT.*accepted: a folder that adastep train wrote/);
      expect((await adastep(["train", "digits", "--epochs", "2", "--run", "r"], { cwd })).code).to.equal(0);
      const edit = async (
        file: string,
        change: (json: Record<string, unknown>) => void,
        pattern: RegExp,
      ): Promise<void> => {
        const path = join(cwd, "r", file);
        const before = await readFile(path, "utf8");
        const json = JSON.parse(before);
        change(json);
        await writeFile(path, JSON.stringify(json));
        await fails(pattern);
        await writeFile(path, before);
      };
      await edit(
        "run.json",
        (json) => Object.assign(json, { format: "adastep run 9" }),
        /run\.json: .*got "adastep run 9", accepted: "adastep run 1"/,
      );
      await edit("run.json", (json) => Object.assign(json, { colour: 1 }), /run\.json: .*got "colour"/);
      await edit(
        "run.json",
        (json) => Object.assign(json, { options: { dataset: "digits", epoch: 1 } }),
        /run\.json: .*got "epoch", accepted: dataset, /,
      );
      await edit(
        "run.json",
        (json) => Object.assign(json, { options: { dataset: "digits", lr: -1 } }),
        /run\.json: 'options\.lr': got "-1"/,
      );
      await edit(
        "run.json",
        (json) => Object.assign(json, { options: { epochs: 1 } }),
        /run\.json: 'options': got no dataset/,
      );
      await edit(
        "model.json",
        (json) => Object.assign(json, { network: { inputs: 63, hidden: [256], outputs: 10 } }),
        /model\.json: values of 'features': got 64, accepted: 63/,
      );
      // An older checkpoint that is damaged is in nobody's way.
      await mkdir(join(cwd, "r/checkpoints/000000-step-1"));
      await writeFile(join(cwd, "r/checkpoints/000000-step-1/state.json"), "");
      expect((await adastep(["resume", "r"], { cwd })).stderr).to.equal("");
      await rm(join(cwd, "r/model.safetensors"));
      expect((await adastep(["evaluate", "r"], { cwd })).stderr).to.equal("");
      const [name = ""] = await readdir(join(cwd, "r/checkpoints"));
      await rm(join(cwd, "r/checkpoints"), { recursive: true });
      expect(name).not.to.equal("");
      await writeFile(join(cwd, "r/run.json"), "{");
      await fails(/run\.json: got .*JSON/);
    }));
});
