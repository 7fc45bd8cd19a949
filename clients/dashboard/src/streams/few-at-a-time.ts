/** Runs tasks in their order, so many at a time: hundreds of rows must not ask the service hundreds of things at once. */

export class FewAtATime {
  readonly #waiting: (() => Promise<void>)[] = [];
  #running = 0;

  constructor(private readonly most: number) {}

  add(task: () => Promise<void>): void {
    this.#waiting.push(task);
    this.#start();
  }

  #start(): void {
    while (this.#running < this.most) {
      const task = this.#waiting.shift();
      if (!task) {
        return;
      }
      this.#running += 1;
      void task().finally(() => {
        this.#running -= 1;
        this.#start();
      });
    }
  }
}
