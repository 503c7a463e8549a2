import { Code, ConnectError } from "@connectrpc/connect";

/** Why the daemon, or the way to it, refused: the code of gRPC, in words. */
export type Refusal =
  | "unauthenticated"
  | "permission-denied"
  | "invalid-argument"
  | "not-found"
  | "unimplemented"
  | "failed-precondition"
  | "resource-exhausted"
  | "unavailable"
  | "deadline-exceeded"
  | "cancelled"
  | "data-loss"
  | "other";

const NAMES: Partial<Record<Code, Refusal>> = {
  [Code.Unauthenticated]: "unauthenticated",
  [Code.PermissionDenied]: "permission-denied",
  [Code.InvalidArgument]: "invalid-argument",
  [Code.NotFound]: "not-found",
  [Code.Unimplemented]: "unimplemented",
  [Code.FailedPrecondition]: "failed-precondition",
  [Code.ResourceExhausted]: "resource-exhausted",
  [Code.Unavailable]: "unavailable",
  [Code.DeadlineExceeded]: "deadline-exceeded",
  [Code.Canceled]: "cancelled",
  [Code.DataLoss]: "data-loss",
};

const PERMANENT: ReadonlySet<Refusal> = new Set<Refusal>([
  "unauthenticated",
  "permission-denied",
  "invalid-argument",
  "not-found",
  "unimplemented",
]);

/** A call that failed. Every error that this package throws is one. */
export class BcidError extends Error {
  override readonly name = "BcidError";
  /** Why. */
  readonly refusal: Refusal;

  constructor(refusal: Refusal, message: string, options?: ErrorOptions) {
    super(message, options);
    this.refusal = refusal;
  }

  /** Whether the same call would fail again: the token, the filter or the pipeline has to be another. */
  get permanent(): boolean {
    return PERMANENT.has(this.refusal);
  }

  /** Of whatever was thrown; the daemon's own words are the message. */
  static of(thrown: unknown): BcidError {
    if (thrown instanceof BcidError) return thrown;
    const error = ConnectError.from(thrown);
    const message = error.rawMessage || (thrown instanceof Error ? thrown.message : String(thrown));
    return new BcidError(NAMES[error.code] ?? "other", message, { cause: thrown });
  }
}
