// `adastep devices`: what this machine has, and why what cannot be used cannot.

import { devices } from "../device/device.js";
import { bytesText } from "../train/text.js";
import { EXIT, type ExitCode } from "./errors.js";
import { printJson, printText } from "./output.js";

/** One line per device. */
export async function showDevices(json: boolean): Promise<ExitCode> {
  if (json) printJson(devices());
  else printText(devicesText());
  return EXIT.ok;
}

function devicesText(): string {
  const lines = devices().map((device) => {
    const name = `${device.kind}:${device.index}`.padEnd(8);
    if (device.unavailable !== "") return `${name} cannot be used: ${device.unavailable}\n`;
    const threads = device.threads > 0 ? `, ${device.threads} threads` : "";
    return `${name} ${device.name}, ${device.capability}${threads}, ${bytesText(device.memoryBytes)}\n`;
  });
  return lines.join("");
}
