// Expectations on typed errors.

import { expect } from "chai";
import { AdastepError, type ErrorCode } from "../../lib/index.js";

/** Expects a typed error of the code whose message matches; misuse must name argument, value and what is accepted. */
export async function expectError(code: ErrorCode, pattern: RegExp, action: () => unknown): Promise<void> {
  let caught: unknown;
  try {
    await action();
  } catch (error) {
    caught = error;
  }
  expect(caught, "an error").to.be.instanceOf(AdastepError);
  const error = caught as AdastepError;
  expect(error.message).to.match(pattern);
  expect(error.code).to.equal(code);
  if (error.argument !== undefined) {
    expect(error.got, "what it got").to.be.a("string").that.is.not.empty;
    expect(error.accepted, "what is accepted").to.be.a("string").that.is.not.empty;
  }
}
