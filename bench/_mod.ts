import { workflow } from "functionfuse";
export const inc = workflow(function inc(n: number) {
  return n + 1;
});
