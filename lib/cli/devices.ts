// `adastep devices`: what this machine has, and why what cannot be used cannot.

import { devices } from "../device/device.js";

const GIB = 2 ** 30;

/** One line per device. */
export function devicesText(): string {
  const lines = devices().map((device) => {
    const name = `${device.kind}:${device.index}`.padEnd(8);
    if (device.unavailable !== "") return `${name} cannot be used: ${device.unavailable}\n`;
    const threads = device.threads > 0 ? `, ${device.threads} threads` : "";
    return `${name} ${device.name}, ${device.capability}${threads}, ${(device.memoryBytes / GIB).toFixed(1)} GiB\n`;
  });
  return lines.join("");
}
