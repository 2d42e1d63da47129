/** Giving nodes away only once the run has taken note of what was settled. */

// Microtasks from a node's promise to the run's taking note of it; one with a time limit has the most.
const HOPS = 6;

/**
 * Gives what asks for an action: it is done once, however often that is called meanwhile, and late enough for observers
 * to hear of an end before the next start, and for nodes that become ready together to go together.
 */
export function afterSettling(action: () => void): () => void {
  let isAsked = false;
  return () => {
    if (isAsked) return;
    isAsked = true;
    let hops = HOPS;
    const hop = () => {
      if (hops-- > 0) return queueMicrotask(hop);
      isAsked = false;
      action();
    };
    hop();
  };
}
