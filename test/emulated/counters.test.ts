// What the kernels cost, exactly: bytes, sectors of global memory, wavefronts of shared memory, instructions. The figures are
// the emulated driver's and do not depend on the machine. Run by scripts/emulated.mjs only: a real driver counts nothing.

import { readFileSync } from "node:fs";
import { expect } from "chai";
import { RULES as SCHEMA } from "../../lib/device/encode.js";
import { Device } from "../../lib/index.js";
import { type Counters, counted } from "./counters.js";
import { gemmLaunch, LAUNCHES, PRODUCTS, prepare, RULES, TRANSPOSITIONS, UPDATED } from "./launches.js";
import { SPARSE } from "./sparse-launches.js";

const SECTOR = 32;
const sectors = (floats: number): number => (floats * 4) / SECTOR;
const warps = ({ grid, block }: Counters): number =>
  (grid[0] * grid[1] * grid[2] * block[0] * block[1] * block[2]) / 32;

describe("counters of the kernels", () => {
  const all: Counters[] = [];
  let device: Device;
  before(async () => {
    device = await Device.open("cuda");
    for (const launch of LAUNCHES) all.push(...(await counted(device, prepare(device, launch))));
  });
  after(() => device.dispose());

  const of = (kernel: string): Counters => {
    const found = all.find((counters) => counters.kernel === kernel);
    if (!found) throw new Error(`${kernel} was not launched`);
    return found;
  };

  it("are of every kernel", () => {
    const table = readFileSync(new URL("../../cuda/kernels.h", import.meta.url), "utf8");
    const named = [...table.matchAll(/^ {2}X\(\w+, (\w+)\)/gm)].map(([, name]) => `adastep_${name}`);
    const expected = [...named, ...RULES.map(({ kernel }) => kernel)];
    expect(expected.length).to.be.above(30);
    expect([...new Set(all.map(({ kernel }) => kernel))].sort()).to.deep.equal(expected.sort());
  });

  // Read p, g and the states; write p and the states.
  for (const { rule, kernel, states } of RULES) {
    const [read, written] = [4 * (2 + states), 4 * (1 + states)];
    it(`${rule}: ${read + written} bytes per parameter, and not one sector more`, () => {
      const counters = of(kernel);
      const scalars = 1 + (SCHEMA.get(rule)?.step ?? Number.NaN); // each warp reads each once, a sector each
      expect(counters.bytesStored).to.equal(written * UPDATED);
      expect(counters.globalStoreSectors).to.equal((written * UPDATED) / SECTOR);
      expect(counters.globalLoadSectors).to.equal((read * UPDATED) / SECTOR + warps(counters) * scalars);
      expect(counters.bytesLoaded).to.equal(read * UPDATED + warps(counters) * 32 * 4 * scalars);
      expect(counters.divergentBranches).to.equal(0);
    });
  }

  // Sectors read and written, for elements in and out.
  const streaming: readonly [string, (c: Counters) => number, number][] = [
    ["fill", () => 0, 65536],
    ["cast", () => sectors(65536), 65536],
    ["strided", () => sectors(65536), 65536],
    ["transpose", () => sectors(256 * 512), 256 * 512],
    ["unary", () => sectors(65536), 65536],
    ["binary", () => sectors(2 * 65536), 65536],
    ["binary_strided", () => sectors(2 * 65536), 65536],
    ["random", () => 0, 65536],
    ["dropout", (c) => sectors(65536) + warps(c), 65536], // each warp reads the step
    ["embedding", () => sectors(256 * 128) + 256, 256 * 128], // and an index per row
  ];
  for (const [name, read, written] of streaming) {
    it(`${name}: every element once, in whole sectors`, () => {
      const counters = of(`adastep_${name}`);
      expect(counters.globalLoadSectors).to.equal(read(counters));
      expect(counters.globalStoreSectors).to.equal(sectors(written));
    });
  }

  // How often the rows are read, all matrices together.
  const passes: readonly [string, number][] = [
    ["reduce_rows", 1],
    ["reduce_columns", 1],
    ["argmax_warp", 1],
    ["argmax_block", 0.5],
    ["softmax_warp", 3],
    ["softmax_block", 1.5],
    ["softmax_grad_warp", 4],
    ["softmax_grad_block", 2],
  ];
  for (const [name, count] of passes) {
    it(`${name}: coalesced, ${count} x 64 Ki elements read`, () => {
      expect(of(`adastep_${name}`).globalLoadSectors).to.equal(sectors(count * 65536));
    });
  }

  // Floats written per element of a row in use: p and the states.
  const sparse: readonly [string, number][] = [
    ["add_rows", 1],
    ["sparse_lazy", 3],
    ["sparse_row_wise", 1 + 1 / SPARSE.dim],
    ["sparse_catch_up", 3 + 4 / SPARSE.dim], // and the step, the lr and the decay of the row, 16 bytes
  ];
  for (const [name, floats] of sparse) {
    it(`${name}: writes the rows in use, and nothing else`, () => {
      expect(of(`adastep_${name}`).bytesStored).to.equal(4 * floats * SPARSE.runs * SPARSE.dim);
    });
  }

  for (const [kernel, product] of Object.entries(PRODUCTS)) {
    for (const { transA, transB } of TRANSPOSITIONS) {
      it(`${kernel} ${transA ? "T" : "N"}${transB ? "T" : "N"}: m n k fma, no bank conflict, panels in whole sectors`, async () => {
        const [counters] = (await counted(device, prepare(device, gemmLaunch(product, transA, transB)))) as [
          Counters,
        ];
        const { m, n, k } = product;
        const tile = Number(/\d+$/.exec(kernel)?.[0]);
        expect(counters.kernel).to.equal(kernel);
        expect(counters.warpInstructionsByOpcode["fma.rn.f32"]).to.equal((m * n * k) / 32);
        expect(counters.sharedWavefronts).to.equal(counters.sharedWavefrontsIdeal);
        expect(counters.sharedBankConflicts).to.equal(0);
        expect([counters.atomics, counters.tensorCoreOperations]).to.deep.equal([0, 0]);
        expect(counters.barriers).to.be.above(0);
        expect(counters.globalLoadSectors).to.equal(sectors((m * k * n) / tile + (k * n * m) / tile));
        expect(counters.globalStoreSectors).to.equal(sectors(m * n));
        expect(counters.divergentBranches).to.equal(0);
      });
    }
  }

  it("show no kernel that takes more sectors or wavefronts than its requests need", () => {
    for (const c of all) {
      // A warp of embedding_grad compares 32 indices from its own position on: they lie across one sector more. Where runs
      // begin, each key is compared with the one before it.
      const across = { adastep_embedding_grad: 1.05, adastep_runs_count: 1.125, adastep_runs_write: 1.125 };
      const allowed = across[c.kernel as keyof typeof across] ?? 1;
      expect(c.globalLoadSectors, `${c.kernel}: loads`).to.be.at.most(c.globalLoadSectorsIdeal * allowed);
      expect(c.globalStoreSectors, `${c.kernel}: stores`).to.equal(c.globalStoreSectorsIdeal);
      // Where a key goes in a tile depends on the keys: these are spread as evenly as can be, 8 apart.
      const banks = c.kernel === "adastep_sort_move" ? 2 : 1;
      expect(c.sharedWavefronts, `${c.kernel}: shared memory`).to.be.at.most(c.sharedWavefrontsIdeal * banks);
    }
  });
});
