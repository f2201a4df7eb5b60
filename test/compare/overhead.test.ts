// What optimizers cost, on a task of which the bytes are known.

import { expect } from "chai";
import { measureOverhead } from "../../lib/compare/overhead.js";
import { loadTask } from "../../lib/compare/tasks.js";
import { Device } from "../../lib/index.js";

describe("Overhead of optimizers", function () {
  this.timeout(60_000);

  it("counts states in f32 and times steps, in the order of the names", async () => {
    using device = await Device.open("cpu", { threads: 1 });
    const task = await loadTask("digits");
    const names = ["adam", "sgd", "rmsprop"] as const;
    const [adam, sgd, rmsprop] = await measureOverhead(device, task, names, { sessions: 2, rounds: 3 });
    const parameters = 64 * 64 + 64 + 64 * 10 + 10;
    for (const own of [adam, sgd, rmsprop]) {
      expect(own?.parameters).to.equal(parameters);
      expect(own?.milliseconds).to.be.within(1e-3, 1e3);
      // The same quotient, rounded another way.
      expect(own?.ratio).to.be.closeTo((own?.milliseconds ?? 0) / (sgd?.milliseconds ?? 1), 1e-12);
      expect(own?.noise).to.be.at.least(0);
    }
    expect([adam, sgd, rmsprop].map((own) => own?.optimizer)).to.eql(names);
    expect(sgd).to.include({ stateBytes: 0, ratio: 1 });
    // In whole tiles of 256 numbers.
    expect(rmsprop?.stateBytes).to.be.within(4 * parameters, 4 * parameters + 4 * 4 * 256);
    expect(adam?.stateBytes).to.equal(2 * (rmsprop?.stateBytes ?? 0));
    const [alone] = await measureOverhead(device, task, ["adam"], { sessions: 1, rounds: 1 });
    expect(alone?.ratio).to.be.NaN;
    expect(alone?.noise).to.be.NaN;
  });
});
