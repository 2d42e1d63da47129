/** What the peers run: the same as the node `increment`. */
export default (n) => n + 1;
