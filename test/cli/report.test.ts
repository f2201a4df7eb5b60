// What comes of a run's log: reports, a page that follows it; and models as ONNX.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { readRunLog } from "../../lib/index.js";
import { adastep, endOf, inFolder, interrupted, linesOf, trainRents } from "./support.js";
import { rentInput, rents } from "./tables.js";

describe("adastep: reports", function () {
  this.timeout(120_000);

  it("report writes a page of one run, and one of several", () =>
    inFolder(async (cwd) => {
      const words = ["train", "digits", "--epochs", "3", "--watch", "45", "--run"];
      await adastep([...words, "a"], { cwd });
      await adastep([...words, "b", "--optimizer", "sgd"], { cwd });
      const one = await adastep(["report", "a"], { cwd });
      expect(one.stderr).to.equal("");
      expect(one.code).to.equal(0);
      const page = await readFile(join(cwd, "a/report.html"), "utf8");
      expect(page).to.include("<svg").and.include("Sequential(Linear(64, 256), relu, Linear(256, 10))");
      const several = await adastep(["report", "a", "b", "--title", "Two optimizers", "--json"], { cwd });
      expect(JSON.parse(several.stdout)).to.eql({ path: join(cwd, "report.html"), runs: ["a", "b"] });
      expect(await readFile(join(cwd, "report.html"), "utf8")).to.include("<h1>Two optimizers</h1>");
      const none = await adastep(["report", "a", "nowhere"], { cwd });
      expect(none.stderr).to.match(/nowhere\/config\.json: got ENOENT/);
      expect(none.code).to.equal(1);
    }));

  it("the log has every step once, also of a run that was interrupted and gone on with", () =>
    inFolder(async (cwd) => {
      const words = "train digits --epochs 4 --interval 0 --run r".split(" ");
      const first = await interrupted(cwd, words, "SIGINT", 60);
      expect(first.code).to.equal(130);
      expect((await adastep(["resume", "r"], { cwd })).code).to.equal(0);
      const { events, config } = await readRunLog(join(cwd, "r"));
      const steps = events.flatMap((event) => (event.type === "step" ? [event.step] : []));
      expect(steps).to.eql(Array.from({ length: 180 }, (_, i) => i + 1));
      expect(config).to.include({ dataset: "digits", epochs: 4 });
    }));

  it("--dashboard serves a page while it trains", () =>
    inFolder(async (cwd) => {
      let page: Promise<string> | undefined;
      const words = ["train", "digits", "--epochs", "100000", "--dashboard", "0", "--run", "r"];
      const outcome = await adastep(words, {
        cwd,
        watch: (soFar, child) => {
          const [begin] = linesOf(soFar);
          if (page || !begin) return;
          page = fetch(String(begin.dashboard)).then((response) => response.text());
          page.finally(() => child.kill("SIGINT")).catch(() => undefined);
        },
      });
      expect(await page).to.include("EventSource");
      expect(outcome.code).to.equal(130);
      expect(endOf(outcome).reason).to.equal("aborted");
    }));

  it("export writes ONNX that onnxruntime evaluates to the answers of predict", () =>
    inFolder(async (cwd) => {
      const rows = rents();
      await trainRents(cwd, rows, 20);
      expect((await adastep(["export", "r", "rents.onnx"], { cwd })).code).to.equal(0);
      const answers = (await adastep(["predict", "r", "rents.csv"], { cwd })).stdout.trimEnd().split("\n");
      const input = rows.flatMap(rentInput);
      const session = await InferenceSession.create(join(cwd, "rents.onnx"));
      const feeds = { input: new Tensor("float32", Float32Array.from(input), [rows.length, 5]) };
      const { output } = await session.run(feeds);
      rows.forEach((_, i) => {
        // f32, folded in f32, of rents up to 1,700
        expect(Number(output?.data[i])).to.be.closeTo(Number(answers[i + 1]), 0.1);
      });
    }));
});
