/** Whether this code has been bundled: then there are no other modules beside it. */
export const isBundled = !import.meta.url.endsWith("/backends/parallel/bundle.ts");
