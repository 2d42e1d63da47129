/**
 * The stock plugins: environments of nodes.
 *
 * @module
 */

export { initializer, type InitializerOptions } from "./initializer.ts";
export { pluginCollection } from "./plugin_collection.ts";
export { randomState, type RandomStateOptions } from "./random_state.ts";
export { seedSequence, type SeedSequenceOptions } from "./seed_sequence.ts";
