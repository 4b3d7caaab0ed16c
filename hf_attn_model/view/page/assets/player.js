/* A button that moves something by itself, and pauses. */

class Player {
  /**
   * @param {string} button Id of the button.
   * @param {string} title What it says while nothing moves.
   * @param {number} pause Milliseconds between two moves.
   * @param {() => void} begin Called first.
   * @param {() => boolean} move Called again and again, until it returns false.
   */
  constructor(button, title, pause, begin, move) {
    this.button = button;
    this.title = title;
    this.pause = pause;
    this.begin = begin;
    this.move = move;
    /** @type {number | undefined} */
    this.timer = undefined;
  }

  toggle() {
    if (this.timer) return this.stop();
    this.begin();
    this.timer = setInterval(() => this.move() || this.stop(), this.pause);
    return this.draw();
  }

  stop() {
    clearInterval(this.timer);
    this.timer = undefined;
    this.draw();
  }

  draw() {
    byId(this.button).textContent = this.timer ? 'Pause' : this.title;
    byId(this.button).setAttribute('aria-pressed', String(Boolean(this.timer)));
  }
}
