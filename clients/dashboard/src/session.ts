/** The service that this page is of, and the token that it asks with. */

import { Telemetra } from "telemetra-client";
import { recall, remember, untilTheTabCloses } from "./preferences.js";

/** Where the service is: the page lies in it, below whatever prefix a proxy puts before both. Ends with a slash. */
const BASE = new URL("./", document.baseURI);
/** Services under several prefixes of one host have tokens of their own. */
const TOKEN = `token ${BASE.pathname}`;

export class Session {
  #token = recall(untilTheTabCloses, TOKEN);
  #client = this.#made();

  get client(): Telemetra {
    return this.#client;
  }

  get token(): string | null {
    return this.#token;
  }

  /** Ask with another token from now on; null: with none. It is kept until the tab is closed. */
  use(token: string | null): void {
    this.#token = token;
    remember(untilTheTabCloses, TOKEN, token);
    this.#client = this.#made();
  }

  /** The address of something of the service, such as `api/v1/streams`. */
  address(path: string): string {
    return new URL(path, BASE).href;
  }

  #made(): Telemetra {
    return new Telemetra(BASE, this.#token ? { token: this.#token } : {});
  }
}
