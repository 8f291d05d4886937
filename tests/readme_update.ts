/** Makes the blocks of README.md anew: `deno run --allow-read=. --allow-write=README.md tests/readme_update.ts`. */

import { fillBlocks, root, textOf } from "./readme_blocks.ts";

await Deno.writeTextFile(`${root}/README.md`, await fillBlocks(textOf("README.md")));
