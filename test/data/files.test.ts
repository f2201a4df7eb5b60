import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { expect } from "chai";
import { readBytes, writeFileAtomically } from "../../lib/data/files.js";
import { expectError } from "../support/errors.js";
import { temporaryFolder } from "../support/folder.js";

describe("files", () => {
  const file = temporaryFolder();

  it("unpacks gzip by its first bytes, whatever the name", async () => {
    await writeFile(file("a.txt"), gzipSync("packed"));
    await writeFile(file("b.gz"), "plain");
    expect(Buffer.from(await readBytes(file("a.txt"))).toString()).to.equal("packed");
    expect(Buffer.from(await readBytes(file("b.gz"))).toString()).to.equal("plain");
  });

  it("writes chunks in order, over what was there, and leaves nothing else", async () => {
    const path = file("model");
    await writeFile(path, "old and longer");
    await writeFileAtomically(path, [Buffer.from("ne"), Buffer.alloc(0), Buffer.from("w")]);
    expect(await readFile(path, "utf8")).to.equal("new");
    await writeFileAtomically(path, Buffer.from("newer"));
    expect(await readFile(path, "utf8")).to.equal("newer");
    expect(await readdir(file("."))).to.deep.equal(["model"]);
  });

  it("keeps the old content if it cannot write", async () => {
    const path = file("model");
    await writeFile(path, "old");
    const chunks = [
      Buffer.from("new"),
      "no bytes" as never as Uint8Array,
      Symbol("bad") as never as Uint8Array,
    ];
    await expectError("ADASTEP_DATA", /model: got/, () => writeFileAtomically(path, chunks));
    expect(await readFile(path, "utf8")).to.equal("old");
    expect(await readdir(file("."))).to.deep.equal(["model"]);
  });

  it("names a path that cannot be written, and leaves nothing there", async () => {
    const content = Buffer.from("new");
    await expectError("ADASTEP_DATA", /none.model: got ENOENT/, () =>
      writeFileAtomically(file("none/model"), content),
    );
    await mkdir(file("folder/inner"), { recursive: true });
    await expectError("ADASTEP_DATA", /folder: got/, () => writeFileAtomically(file("folder"), content));
    expect(await readdir(file("."))).to.deep.equal(["folder"]);
  });
});
