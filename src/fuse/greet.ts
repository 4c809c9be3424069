// The first exchange of a connection: answers INIT, and refuses what comes before it.
import { constants } from "node:os";
import { EIO } from "../util/errno.ts";
import { INIT_OUT, KERNEL_VERSION, NEWEST_MINOR, op } from "./abi.ts";
import type { Input } from "./input.ts";
import { decodeInit, encodeInit, negotiate } from "./negotiate.ts";
import type { Agreed, SessionOptions } from "./negotiate.ts";
import type { FuseOperations } from "./operations.ts";
import type { Output } from "./output.ts";

/**
 * Answers the request in `input`. Undefined when the kernel has to ask once more: it spoke too early, or a newer major
 * version than ours. An Error says why it cannot be served at all.
 */
export function greet(
  input: Input,
  out: Output,
  ops: FuseOperations,
  options: SessionOptions,
): Agreed | Error | undefined {
  const { unique, opcode } = input;
  if (opcode !== op.INIT || input.left < 16) {
    out.error(unique, EIO.errno);
    return undefined;
  }
  const init = decodeInit(input);
  if (init.major > KERNEL_VERSION) {
    out.begin(unique);
    out.u32(KERNEL_VERSION);
    out.u32(NEWEST_MINOR);
    out.zeros(INIT_OUT - 8);
    out.finish();
    return undefined;
  }
  const agreed = negotiate(init, ops, options);
  if (agreed === undefined) {
    out.error(unique, constants.errno.EPROTO);
    const theirs = `FUSE ${init.major}.${init.minor}`;
    return new Error(`the kernel speaks ${theirs}, jfs needs 7.31: Linux 5.4 or newer is needed`);
  }
  out.begin(unique);
  encodeInit(out, agreed, options);
  out.finish();
  return agreed;
}
