// Who asks. Made by the FUSE layer for each request, read by every operation.

export interface Caller {
  readonly uid: number;
  readonly gid: number;
  readonly pid: number;
  /** Supplementary groups, the primary one not among them; empty where the channel does not tell. */
  readonly groups: readonly number[];
  /** True when permissions have been judged already (the kernel does with `default_permissions`). */
  readonly trusted: boolean;
}

/** The system itself: cleaning jobs, recovery, tools. */
export const SYSTEM: Caller = Object.freeze({ uid: 0, gid: 0, pid: 0, groups: [], trusted: true });

export function inGroup(caller: Caller, gid: number): boolean {
  return caller.gid === gid || caller.groups.includes(gid);
}
