// What a user reads when the addon cannot be loaded.

import { expect } from "chai";
import { UnavailableError } from "../../lib/errors.js";
import { load } from "../../lib/native/load.js";

describe("loading the addon", () => {
  const before = process.env.ADASTEP_ADDON;
  afterEach(() => {
    if (before === undefined) delete process.env.ADASTEP_ADDON;
    else process.env.ADASTEP_ADDON = before;
  });

  it("takes the file that ADASTEP_ADDON names, or says why not", () => {
    process.env.ADASTEP_ADDON = "/nowhere/adastep.node";
    expect(load)
      .to.throw(UnavailableError)
      .with.property("message")
      .that.matches(/on linux-\w+, .*Node \d/)
      .and.includes("tried: /nowhere/adastep.node (from ADASTEP_ADDON)")
      .and.includes("Cannot find module")
      .and.includes("npm run build:native");
  });

  it("loads one addon, however often it is asked", () => {
    expect(load()).to.equal(load());
  });
});
