// What a model keeps beside its parameters (running statistics), for work that is to be taken back.

import type { DeviceBuffer } from "../device/buffer.js";
import type { Device } from "../device/device.js";
import type { Module } from "../nn/module.js";
import type { Kept } from "../optim/memory.js";

/** All that programs that train write and optimizers do not. */
export function statisticsOf(model: Module): DeviceBuffer<"f32">[] {
  return [...model.declared()].flatMap(([, { trained, parameter }]) => (trained ? [] : [parameter.value]));
}

/** Copies of the statistics, on the device. */
export function keepStatistics(device: Device, model: Module): Kept {
  const kept = statisticsOf(model).map((value) => {
    const copy = device.alloc("f32", value.shape);
    copy.copyFrom(value);
    return { value, copy };
  });
  return {
    restore: () => {
      for (const { value, copy } of kept) value.copyFrom(copy);
    },
    [Symbol.dispose]: () => {
      for (const { copy } of kept) copy.dispose();
    },
  };
}
