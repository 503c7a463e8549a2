/** The messages of `bci.v1`, as generated from the contract. */

export * from "./gen/bci/v1/common_pb.js";
export * from "./gen/bci/v1/control_pb.js";
export * from "./gen/bci/v1/decoders_pb.js";
export * from "./gen/bci/v1/intents_pb.js";
export * from "./gen/bci/v1/recording_pb.js";
export * from "./gen/bci/v1/telemetry_pb.js";
