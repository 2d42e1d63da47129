/** In the place of the host's program: hands on what the driver says to a test, and what the test says to the driver. */

import { connect } from "node:net";
import process from "node:process";

const socket = connect(Number(process.env.FUSE_TEST_PORT), "127.0.0.1");
process.stdin.pipe(socket);
socket.pipe(process.stdout);
socket.on("close", () => process.exit(0));
