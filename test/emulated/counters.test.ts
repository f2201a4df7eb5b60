// What the kernels cost, exactly: bytes, sectors of global memory, wavefronts of shared memory, instructions. The figures are
// the emulated driver's and do not depend on the machine. Run by scripts/emulated.mjs only: a real driver counts nothing.

import { readFileSync } from "node:fs";
import { expect } from "chai";
import { STEP } from "../../lib/device/encode.js";
import { Adam, Device, parameter } from "../../lib/index.js";
import { type Counters, counted } from "./counters.js";

import { BF16_PRODUCTS, gemmLaunch, PRODUCTS, TRANSPOSITIONS } from "./gemm-launches.js";
import { LAUNCHES, prepare, rowOf, TILES, UPDATED, updateLaunch } from "./launches.js";
import { RULES } from "./rules.js";
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

  // Read p, g and the states; write p and the states. Beside them, requests that a warp makes as one: the control words once,
  // and for each tile of 1024 parameters its segment (48 bytes) and the row of its group.
  const scalarSectors = (rule: string): number => TILES * (1 + 2 + Math.ceil((4 * rowOf(rule)) / SECTOR));
  const scalarBytes = TILES * 32 * (4 + 8 + 4); // what the lanes ask for, together
  for (const row of RULES) {
    const { rule, kernel, states, rests, gathers } = row;
    // What a rule gathers before lies in the last state, which is only read.
    const [read, written] = gathers ? [4 * 3, 4] : [4 * (2 + states), 4 * (1 + states - rests)];
    it(`${rule}: ${read + written} bytes per parameter, and at most 2 % of sectors beside them`, () => {
      const counters = of(kernel);
      expect(counters.bytesStored).to.equal(written * UPDATED);
      expect(counters.globalStoreSectors).to.equal((written * UPDATED) / SECTOR);
      expect(counters.bytesLoaded).to.equal(read * UPDATED + scalarBytes);
      expect(counters.globalLoadSectors).to.equal((read * UPDATED) / SECTOR + scalarSectors(rule));
      expect(scalarSectors(rule)).to.be.at.most((0.02 * (read + written) * UPDATED) / SECTOR);
      expect(counters.divergentBranches).to.equal(0);
    });
  }

  for (const row of RULES.filter(({ gathers }) => gathers)) {
    it(`${row.rule} gathers: the gradient and its states, no more`, async () => {
      const launch = updateLaunch(row, { gather: true });
      const [counters] = (await counted(device, prepare(device, launch))) as [Counters];
      // Room for the update is written, not read.
      expect(counters.bytesStored).to.equal(4 * row.states * UPDATED);
      expect(counters.bytesLoaded).to.equal(4 * row.states * UPDATED + scalarBytes);
    });
  }

  it("commits 8 bytes per number", () => {
    const counters = of("adastep_commit");
    expect(counters.bytesStored).to.equal(4 * UPDATED);
    expect(counters.globalLoadSectors).to.be.at.most(sectors(UPDATED) + warps(counters));
  });

  it("the figures of docs/optimizer-step.md: bytes per parameter of an f32 step", () => {
    const bytesOf = (rule: string): number => {
      const { bytesLoaded, bytesStored } = of(RULES.find((each) => each.rule === rule)?.kernel ?? rule);
      return (bytesLoaded - scalarBytes + bytesStored) / UPDATED;
    };
    const figures = { sgd: 12, sgdMomentum: 20, adagrad: 20, lion: 20, adam: 28, lamb: 28, amsgrad: 36 };
    expect(Object.fromEntries(Object.keys(figures).map((rule) => [rule, bytesOf(rule)]))).to.deep.equal(
      figures,
    );
  });

  it("adam with bf16 parameters and 8-bit states: 10.125 bytes per parameter", async () => {
    const launch = updateLaunch({ rule: "adam", states: 2 }, { dtype: "bf16", stateType: "u8" });
    const [counters] = (await counted(device, prepare(device, launch))) as [Counters];
    // p and g in bf16, two states in 8 bits, and for each a scale per 128 parameters, read by all lanes, written by one.
    const [read, written, scales] = [2 * 2 + 2, 2 + 2, (2 * 4) / 128];
    expect(read + written + 2 * scales).to.equal(10.125);
    expect(counters.bytesStored).to.equal((written + scales) * UPDATED);
    expect(counters.bytesLoaded).to.equal((read + 32 * scales) * UPDATED + scalarBytes);
    // A scale takes a sector of its own in each request, though not in memory: 8 lie in one.
    const requests = (2 * UPDATED) / 128;
    expect(counters.globalStoreSectors).to.equal((written * UPDATED) / SECTOR + requests);
    expect(counters.globalLoadSectors).to.equal((read * UPDATED) / SECTOR + requests + scalarSectors("adam"));
  });

  it("watching costs nothing but the sums of tiles", async () => {
    const quiet = of("adastep_update_Adam");
    for (const [watch, columns] of [
      [1, 2],
      [2, STEP.sums],
    ] as const) {
      const launch = updateLaunch({ rule: "adam", states: 2 }, { watch });
      const [counters] = (await counted(device, prepare(device, launch))) as [Counters];
      expect(counters.globalLoadSectors).to.equal(quiet.globalLoadSectors);
      expect(counters.bytesStored).to.equal(quiet.bytesStored + 4 * columns * TILES);
    }
  });

  it("a step of 1000 small tensors in two groups is one update", async () => {
    using arena = device.alloc("f32", [20_000]);
    const parameters = Array.from({ length: 1000 }, (_, i) => parameter(`p${i}`, arena.view(i * 20, [17])));
    using adam = new Adam(parameters, { groups: [{ match: (name) => name.endsWith("7"), lr: 0.1 }] });
    const launches = await counted(device, () => adam.step());
    const kernels = launches.map(({ kernel }) => kernel.replace("adastep_", ""));
    expect(kernels.filter((kernel) => kernel.startsWith("update_"))).to.deep.equal(["update_Adam"]);
    expect(kernels).to.deep.equal([
      ...["advance", "update_Adam", "fold_segments", "fold_totals"],
      ...kernels.slice(4), // the root of the sum: the norm
    ]);
    expect(kernels.length).to.be.at.most(6);
  });

  it("parameters in blocks of their own are an update for each block", async () => {
    const blocks = Array.from({ length: 10 }, () => device.alloc("f32", [17]));
    using adam = new Adam(blocks.map((block, i) => parameter(`p${i}`, block)));
    const launches = await counted(device, () => adam.step());
    expect(launches.filter(({ kernel }) => kernel === "adastep_update_Adam")).to.have.length(10);
    for (const block of blocks) block.dispose();
  });

  it("adaptive clipping reads weights and gradients once for their norms, and gradients again to scale them", () => {
    for (const kernel of ["adastep_adaptive_clip_warp", "adastep_adaptive_clip_block"]) {
      const { bytesStored, globalLoadSectors } = of(kernel);
      expect(bytesStored, kernel).to.equal(4 * UPDATED); // all are above the limit
      expect(globalLoadSectors / sectors(3 * UPDATED), kernel).to.be.within(1, 1.06); // and the table
    }
  });

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

  it("totals: every element once, and every total read and written once", () => {
    for (const [kernel, doubles] of [
      ["adastep_accumulate", 1],
      ["adastep_accumulate_spread", 3],
    ] as const) {
      const totals = doubles * sectors(2 * 256);
      expect(of(kernel).globalLoadSectors, kernel).to.equal(sectors(65536) + totals);
      expect(of(kernel).globalStoreSectors, kernel).to.equal(totals);
    }
    // With a label and its score for each of 64 rows.
    expect(of("adastep_label_rank").globalLoadSectors).to.equal(sectors(65536) + 2 * 64);
  });

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

  for (const [kernel, product] of Object.entries(BF16_PRODUCTS)) {
    for (const { transA, transB } of TRANSPOSITIONS) {
      it(`${kernel} ${transA ? "T" : "N"}${transB ? "T" : "N"}: m n k / 2048 mma, no bank conflict, panels in whole sectors`, async () => {
        const launch = gemmLaunch(product, transA, transB, "bf16");
        const [counters] = (await counted(device, prepare(device, launch))) as [Counters];
        const { m, n, k } = product;
        const tile = Number(/\d+$/.exec(kernel)?.[0]);
        expect(counters.kernel).to.equal(kernel);
        expect(counters.tensorCoreOperations).to.equal((m * n * k) / 2048);
        expect(counters.warpInstructionsByOpcode["fma.rn.f32"] ?? 0).to.equal(0);
        expect(counters.sharedWavefronts).to.equal(counters.sharedWavefrontsIdeal);
        expect(counters.sharedBankConflicts).to.equal(0);
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
