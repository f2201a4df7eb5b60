// Reverse mode where it could go wrong silently: each case was once a wrong number.

import { expect } from "chai";
import {
  add,
  affine,
  f32,
  gradients,
  max,
  mul,
  parameter,
  SGD,
  square,
  sum,
  sumOfSquares,
  type Tensor,
  tanh,
  transpose,
} from "../../lib/index.js";
import { onEachDevice } from "../support/devices.js";
import { expectError } from "../support/errors.js";

onEachDevice("gradients", (device) => {
  it("refuse what has no gradient", async () => {
    using w = device().from(Float32Array.of(1, 2));
    const record = (body: () => Tensor) => () => device().program({}, () => ({ y: body() }));
    const first = (loss: Tensor): Tensor => gradients(loss, [w])[0] as Tensor;
    await expectError(
      "ADASTEP_ARGUMENT",
      /depends on a gradient/,
      record(() => first(sum(square(first(sum(tanh(w))))))),
    );
    await expectError(
      "ADASTEP_ARGUMENT",
      /depends on max/,
      record(() => first(sum(max(w)))),
    );
    await expectError(
      "ADASTEP_ARGUMENT",
      /view of the target/,
      record(() => first(sum(square(w.view(0, [1]))))),
    );
    await expectError(
      "ADASTEP_ARGUMENT",
      /constant 5/,
      record(() => gradients(sum(w), [affine(sum(w), 0), add(2, 3)])[1] as Tensor),
    );
  });

  it("of a parameter that an update overwrote meanwhile are refused", async () => {
    using a = device().from(Float32Array.of(2));
    using b = device().from(Float32Array.of(3));
    using one = new SGD([parameter("a", a)]);
    using two = new SGD([parameter("b", b)]);
    await expectError("ADASTEP_ARGUMENT", /before an update wrote it/, () =>
      device().program({}, () => {
        const [first, second] = [sum(mul(a, b)), sum(mul(a, b))];
        one.minimize(first);
        return two.minimize(second);
      }),
    );
  });

  it("see a parameter through any handle of the same place", async () => {
    using w = device().from(Float32Array.of(1, 2, 3, 4));
    using program = device().program({}, () => {
      const loss = sum(add(square(w.view(0, [4])), square(w)));
      return { g: gradients(loss, [w])[0] as Tensor };
    });
    expect([...(await program.run({})).g]).to.deep.equal([4, 8, 12, 16]);
  });

  it("of the sum of squares", async () => {
    using w = device().from(Float32Array.of(1, -2, 3));
    using program = device().program({}, () => ({ g: gradients(sumOfSquares(w), [w])[0] as Tensor }));
    expect([...(await program.run({})).g]).to.deep.equal([2, -4, 6]);
  });

  it("are left in every parameter that shares one, and of broadcast constants are right", async () => {
    using a = device().from(Float32Array.of(1, 2));
    using b = device().from(Float32Array.of(3, 4));
    using s = device().from(Float32Array.of(5), []);
    const [da, db, ds] = [device().alloc("f32", [2]), device().alloc("f32", [2]), device().alloc("f32", [])];
    using sgd = new SGD([parameter("a", a, da), parameter("b", b, db), parameter("s", s, ds)], { lr: 0 });
    using program = device().program({}, () => sgd.minimize(sum(affine(add(add(a, b), s), 3, 1))));
    const { gradNorm } = await program.run({});
    expect([...(await da.read()), ...(await db.read()), ...(await ds.read())]).to.deep.equal([3, 3, 3, 3, 6]);
    expect(gradNorm, "over three segments").to.be.closeTo(Math.sqrt(4 * 9 + 36), 1e-5);
    for (const buffer of [da, db, ds]) buffer.dispose();
  });

  it("of shapes with a zero", async () => {
    using program = device().program({ x: f32(0, 2) }, ({ x }) => ({
      y: transpose(x),
      s: sum(transpose(x)),
    }));
    const { y, s } = await program.run({ x: new Float32Array() });
    expect([y.length, s]).to.deep.equal([0, 0]);
  });

  it("refuse tensors of another program, and results that are none", async () => {
    let leak: Tensor | undefined;
    using first = device().program({ x: f32(2) }, ({ x }) => {
      leak = mul(x, 3);
      return leak;
    });
    void first;
    await expectError("ADASTEP_ARGUMENT", /another program/, () =>
      device().program({ x: f32(2) }, ({ x }) => add(x, leak as Tensor)),
    );
    await expectError("ADASTEP_ARGUMENT", /another program/, () =>
      device().program({}, () => leak as Tensor),
    );
    await expectError("ADASTEP_ARGUMENT", /result.*Promise/, () =>
      device().program({}, (async () => ({})) as never),
    );
    await expectError("ADASTEP_ARGUMENT", /sum: options.*0/, () =>
      device().program({ x: f32(2) }, ({ x }) => sum(x, 0 as never)),
    );
  });
});
