// TensorBoard's event files: checksums by published values, bytes by those of TensorBoard's own writer, contents by a decoder
// that is not ours.

import { readdir, readFile } from "node:fs/promises";
import { expect } from "chai";
import protobuf from "protobufjs";
import { openTensorBoard } from "../../lib/index.js";
import { crc32c, maskedCrc32c } from "../../lib/interchange/crc32c.js";
import { onEachDevice } from "../support/devices.js";
import { expectError } from "../support/errors.js";
import { temporaryFolder } from "../support/folder.js";
import { clouds, makeTrainer } from "../train/support.js";

interface Golden {
  readonly version: string;
  readonly cases: readonly {
    readonly seconds: number;
    readonly step: number;
    readonly values: Readonly<Record<string, number | string>>;
    readonly record: string;
  }[];
}

const golden = JSON.parse(
  await readFile(new URL("../golden/events.json", import.meta.url), "utf8"),
) as Golden;

/** What TensorFlow's event.proto and summary.proto have of what is written here. */
const { root } = protobuf.parse(`syntax = "proto3";
message Event {
  double wall_time = 1;
  int64 step = 2;
  oneof what { string file_version = 3; Summary summary = 5; }
}
message Summary {
  message Value { string tag = 1; oneof value { float simple_value = 2; } }
  repeated Value value = 1;
}`);
const EventType = root.lookupType("Event");

interface Decoded {
  readonly wallTime: number;
  readonly step: number;
  readonly fileVersion?: string;
  readonly summary?: { readonly value: readonly { readonly tag: string; readonly simpleValue: number }[] };
}

/** The events of a file; expects lengths and checksums to be right. */
function eventsOf(bytes: Buffer): Decoded[] {
  const events: Decoded[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at));
    expect(bytes.readUInt32LE(at + 8)).to.equal(maskedCrc32c(bytes.subarray(at, at + 8)));
    const content = bytes.subarray(at + 12, at + 12 + length);
    expect(bytes.readUInt32LE(at + 12 + length)).to.equal(maskedCrc32c(content));
    events.push(EventType.toObject(EventType.decode(content), { longs: Number }) as Decoded);
    at += 16 + length;
  }
  return events;
}

describe("CRC-32C", () => {
  // RFC 3720, appendix B.4, and the check value of the catalogue of parametrised CRC algorithms.
  const vectors: readonly (readonly [name: string, bytes: Uint8Array, crc: number])[] = [
    ["nothing", new Uint8Array(), 0],
    ["32 zeros", new Uint8Array(32), 0x8a9136aa],
    ["32 ones", new Uint8Array(32).fill(0xff), 0x62a8ab43],
    ["32 ascending", Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
    ["32 descending", Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
    ["digits", Buffer.from("123456789"), 0xe3069283],
  ];
  for (const [name, bytes, crc] of vectors) {
    it(`of ${name} is what is published, whole and in chunks`, () => {
      expect(crc32c(bytes)).to.equal(crc);
      expect(crc32c(bytes.subarray(0, 5), bytes.subarray(5))).to.equal(crc);
    });
  }
});

onEachDevice("TensorBoard", (device) => {
  const folder = temporaryFolder();

  it("writes the bytes that TensorBoard's own writer writes", async () => {
    const writer = await openTensorBoard(folder("tb"));
    for (const { seconds, step, values } of golden.cases) {
      const numbers = Object.entries(values).map(([tag, value]) => [
        tag,
        typeof value === "number" ? value : value === "inf" ? Infinity : -Infinity,
      ]);
      writer.scalars(step, Object.fromEntries(numbers), new Date(1000 * seconds));
    }
    await writer.close();
    const bytes = await readFile(writer.path);
    const expected = golden.cases.map(({ record }) => record).join("");
    const version = Buffer.from(golden.version, "hex");
    expect(bytes.subarray(version.length).toString("hex")).to.equal(expected);
    // The first record differs in its time, and so in a checksum, alone.
    expect(bytes.subarray(0, 13)).to.deep.equal(version.subarray(0, 13));
    expect(bytes.subarray(21, version.length - 4)).to.deep.equal(version.subarray(21, -4));
  });

  it("has the figures of a training, under their tags and steps", async () => {
    const { model, optimizer, trainer } = makeTrainer(device(), { watch: 4 });
    const writer = await openTensorBoard(folder("run"));
    const [losses, ratios] = [new Map<number, number>(), new Map<number, number>()];
    const accuracies: number[] = [];
    const options = { epochs: 2, batchSize: 16, logEvery: 2, validation: clouds(40, 2) };
    for await (const event of trainer.run(clouds(128), options)) {
      writer.write(event);
      if (event.type === "step") losses.set(event.step, event.loss);
      else if (event.type === "telemetry") ratios.set(event.step, event.parameters[0]?.updateRatio ?? 0);
      else if (event.type === "eval") accuracies.push(event.accuracy ?? 0);
    }
    await writer.close();
    await trainer.dispose();
    optimizer.dispose();
    model.dispose();
    const [first, ...rest] = eventsOf(await readFile(writer.path));
    expect(first?.fileVersion).to.equal("brain.Event:2");
    const valuesOf = (tag: string) =>
      rest.flatMap(({ step, summary }) =>
        (summary?.value ?? [])
          .filter((value) => value.tag === tag)
          .map(({ simpleValue }) => [step, simpleValue]),
      );
    const rounded = (map: ReadonlyMap<number, number>) =>
      [...map].map(([step, value]) => [step, Math.fround(value)]);
    expect(losses.size).to.equal(8);
    expect(valuesOf("train/loss")).to.deep.equal(rounded(losses));
    expect(ratios.size).to.equal(4);
    expect(valuesOf("update_ratio/0.weight")).to.deep.equal(rounded(ratios));
    expect(valuesOf("eval/accuracy").map(([, value]) => value)).to.deep.equal(accuracies.map(Math.fround));
    for (const { wallTime } of rest) expect(wallTime).to.be.closeTo(Date.now() / 1000, 60);
  });

  it("gives files of one second different names, and names what it cannot write", async () => {
    const writers = [await openTensorBoard(folder("two")), await openTensorBoard(folder("two"))];
    for (const writer of writers) await writer.close();
    expect(await readdir(folder("two"))).to.have.lengthOf(2);
    const [writer] = [await openTensorBoard(folder("wrong"))];
    await expectError("ADASTEP_ARGUMENT", /'loss'/, () => writer.scalars(1, { loss: "1" as never }));
    await expectError("ADASTEP_ARGUMENT", /'step'/, () => writer.scalars(-1, { loss: 1 }));
    await writer.close();
    await expectError("ADASTEP_DISPOSED", /events\.out.*after close/, () => writer.scalars(1, { loss: 1 }));
    await expectError("ADASTEP_DATA", /dev\/null/, () => openTensorBoard("/dev/null/tb"));
    await expectError("ADASTEP_ARGUMENT", /'folder'/, () => openTensorBoard(undefined as never));
  });
});
