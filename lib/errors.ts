// Every error that adastep throws: one class per kind, one code per class. Misuse names the argument, what it got and
// what it accepts.

/** The codes of adastep's errors, as `error.code`. */
export type ErrorCode =
  | "ADASTEP_ARGUMENT"
  | "ADASTEP_SHAPE"
  | "ADASTEP_DTYPE"
  | "ADASTEP_DISPOSED"
  | "ADASTEP_OUT_OF_MEMORY"
  | "ADASTEP_DEVICE"
  | "ADASTEP_UNAVAILABLE"
  | "ADASTEP_DATA";

/** What a misuse consists of. */
export interface Misuse {
  /** Which argument, with the function or class it belongs to: `"Adam: 'lr'"`. */
  readonly argument: string;
  /** The value that it got, in words. */
  readonly got: string;
  /** What it accepts, in words. */
  readonly accepted: string;
}

/** The base of all errors of this package. */
export abstract class AdastepError extends Error {
  abstract readonly code: ErrorCode;
  readonly argument: string | undefined;
  readonly got: string | undefined;
  readonly accepted: string | undefined;

  constructor(problem: string | Misuse, options?: ErrorOptions) {
    const misuse = typeof problem === "string" ? undefined : problem;
    super(
      misuse ? `${misuse.argument}: got ${misuse.got}, accepted: ${misuse.accepted}` : (problem as string),
      options,
    );
    this.name = new.target.name;
    this.argument = misuse?.argument;
    this.got = misuse?.got;
    this.accepted = misuse?.accepted;
  }
}

/** A value outside of what an argument accepts. */
export class ArgumentError extends AdastepError {
  readonly code = "ADASTEP_ARGUMENT";
}

/** A shape that does not fit the operation. */
export class ShapeError extends AdastepError {
  readonly code = "ADASTEP_SHAPE";
}

/** An element type that the operation does not take. */
export class DTypeError extends AdastepError {
  readonly code = "ADASTEP_DTYPE";
}

/** A buffer, program or device that was disposed. */
export class DisposedError extends AdastepError {
  readonly code = "ADASTEP_DISPOSED";
}

/** Device or host memory is exhausted, or a device's memory limit would be exceeded. */
export class OutOfMemoryError extends AdastepError {
  readonly code = "ADASTEP_OUT_OF_MEMORY";
}

/** What the device found while it ran: an index out of range, a fault of the driver. It refuses work until `reset()`. */
export class DeviceError extends AdastepError {
  readonly code = "ADASTEP_DEVICE";
}

/** A device that cannot be used here, with the reason. */
export class UnavailableError extends AdastepError {
  readonly code = "ADASTEP_UNAVAILABLE";
}

/** A data file that is missing, truncated or malformed; the message names file and place. */
export class DataError extends AdastepError {
  readonly code = "ADASTEP_DATA";
}

const CLASSES = {
  ADASTEP_ARGUMENT: ArgumentError,
  ADASTEP_SHAPE: ShapeError,
  ADASTEP_DTYPE: DTypeError,
  ADASTEP_DISPOSED: DisposedError,
  ADASTEP_OUT_OF_MEMORY: OutOfMemoryError,
  ADASTEP_DEVICE: DeviceError,
  ADASTEP_UNAVAILABLE: UnavailableError,
  ADASTEP_DATA: DataError,
} as const;

/** Makes the error of a code; native code calls this for everything that it throws or rejects with. */
export function makeError(
  code: ErrorCode,
  message: string,
  argument?: string,
  got?: string,
  accepted?: string,
): AdastepError {
  const problem =
    argument === undefined || got === undefined || accepted === undefined
      ? message
      : { argument, got, accepted };
  return new CLASSES[code](problem);
}

/** A value in words, for messages: short, and never throwing. */
export function describe(value: unknown, depth = 0): string {
  if (typeof value === "string")
    return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}...` : value);
  if (typeof value === "function") return value.name ? `function ${value.name}` : "a function";
  if (Array.isArray(value)) {
    if (depth > 2) return "an array";
    const items = Array.from(value.slice(0, 8), (item: unknown) => describe(item, depth + 1));
    const text = `[${items.join(", ")}${value.length > 8 ? ", ..." : ""}]`;
    return text.length > 120 ? `an array of length ${value.length}` : text;
  }
  if (ArrayBuffer.isView(value)) return `a ${value.constructor.name} of ${value.byteLength} bytes`;
  if (typeof value === "object" && value !== null) {
    const name = value.constructor?.name;
    return name && name !== "Object" ? `a ${name}` : "an object";
  }
  return typeof value === "bigint" ? `${value}n` : String(value);
}
