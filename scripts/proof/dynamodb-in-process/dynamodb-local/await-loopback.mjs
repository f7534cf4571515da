// Waits until DynamoDB Local answers on a port of 127.0.0.1, and fails if it also answers on
// another address of this machine.
//
//   node await-loopback.mjs PORT
import http from "node:http";
import { networkInterfaces } from "node:os";
import { setTimeout as pause } from "node:timers/promises";

const port = Number(process.argv[2]);
const deadline = Date.now() + 60_000;

const answers = (host) =>
  new Promise((resolve) => {
    const request = http.get({ host, port, timeout: 5_000 }, (response) => {
      response.resume();
      resolve(true);
    });
    request.on("timeout", () => request.destroy());
    request.on("error", () => resolve(false));
  });

while (!(await answers("127.0.0.1"))) {
  if (Date.now() > deadline) {
    console.error(`DynamoDB Local does not answer on 127.0.0.1:${port} after 60 s`);
    process.exit(1);
  }
  await pause(100);
}

const others = Object.values(networkInterfaces())
  .flat()
  .map(({ address, scopeid }) => (scopeid ? `${address}%${scopeid}` : address))
  .filter((address) => address !== "127.0.0.1");
for (const address of others) {
  if (await answers(address)) {
    console.error(`DynamoDB Local answers on ${address}, so other machines could use it: it is stopped`);
    process.exit(1);
  }
}
