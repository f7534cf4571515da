// A CommonJS app without code of its own: package.test.ts compiles and synthesizes it with a
// package that contains the functions.
import { App, Stack } from "aws-cdk-lib";
import { TransactionalOutbox } from "transactional-outbox";

const stack = new Stack(new App(), "archive");
new TransactionalOutbox(stack, "Outbox", { sources: ["archive"] });
