/* A button that moves something by itself, and pauses. */

class Player {
  /**
   * @param button Id of the button.
   * @param title What it says while nothing moves.
   * @param pause Milliseconds between two moves.
   * @param begin Called first.
   * @param move Called again and again, until it returns false.
   */
  constructor(button, title, pause, begin, move) {
    Object.assign(this, { button, title, pause, begin, move, timer: null });
  }

  toggle() {
    if (this.timer) return this.stop();
    this.begin();
    this.timer = setInterval(() => this.move() || this.stop(), this.pause);
    return this.draw();
  }

  stop() {
    clearInterval(this.timer);
    this.timer = null;
    this.draw();
  }

  draw() {
    byId(this.button).textContent = this.timer ? 'Pause' : this.title;
    byId(this.button).setAttribute('aria-pressed', String(Boolean(this.timer)));
  }
}
