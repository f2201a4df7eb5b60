import { spawnSync } from "node:child_process";
import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { expect } from "chai";
import { makeFolder, readBytes, writeFileAtomically } from "../../lib/data/files.js";
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

  it("makes folders with those above them, and names one that cannot be made", async () => {
    await Promise.all([makeFolder(file("a/b/c")), makeFolder(file("a/b/d/")), makeFolder(file("a/b/c"))]);
    await makeFolder(file("a"));
    await symlink(file("a/b"), file("link"));
    await makeFolder(file("link/e"));
    expect(await readdir(file("a/b"))).to.have.members(["c", "d", "e"]);
    await writeFile(file("text"), "");
    await symlink(file("nowhere"), file("dangling"));
    for (const name of ["text", "text/a/b", "dangling", "dangling/a"])
      await expectError("ADASTEP_DATA", new RegExp(`/${name}: got E`), () => makeFolder(file(name)));
    expect(await readdir(file("."))).to.have.members(["a", "link", "text", "dangling"]);
  });

  it("does not try forever where no folder can be made", function () {
    this.timeout(60_000); // a process starts
    const script = `import { makeFolder } from "./lib/data/files.js";
import { prepareFolder } from "./lib/train/checkpoint-list.js";
for (const make of [makeFolder, prepareFolder])
  for (const path of ["/proc/adastep", "/proc/adastep/a/b"])
    await make(path).catch((error) => console.log(error.code, error.message));`;
    const args = ["--import", "tsx/esm", "--input-type=module", "--eval", script];
    const { status, stdout } = spawnSync(process.execPath, args, { encoding: "utf8", timeout: 20_000 });
    expect(status, "exit code; null if it had to be killed").to.equal(0);
    const lines = stdout.trimEnd().split("\n");
    expect(lines).to.have.lengthOf(4);
    for (const line of lines) expect(line).to.match(/^ADASTEP_DATA \/proc\/adastep.*: got ENOENT/);
  });
});
