/* Weights -> colours. The stops come with the page; between them colours are mixed. */

/** @typedef {number[]} Colour Red, green and blue, from 0 to 255. */
/** @typedef {Colour[] & {css: string[], ink: string[]}} Ramp Colours by level, also as CSS; and the ink on each. */
/** @typedef {Record<'weights' | 'differences_light' | 'differences_dark', string[]>} ColourStops "#rrggbb" each. */

const LEVELS = 256;

/**
 * Spread the stops of a colour map over 256 levels.
 *
 * @param {string[]} stops
 * @returns {Colour[]}
 */
function levels(stops) {
  const channels = stops.map((stop) => [1, 3, 5].map((at) => parseInt(stop.slice(at, at + 2), 16)));
  return Array.from({ length: LEVELS }, (_, level) => {
    const place = (level / (LEVELS - 1)) * (stops.length - 1);
    const below = Math.min(Math.floor(place), stops.length - 2);
    return channels[below].map((channel, i) =>
      Math.round(channel + (channels[below + 1][i] - channel) * (place - below)),
    );
  });
}

/** @param {Colour} colour */
const css = ([red, green, blue]) => `rgb(${red} ${green} ${blue})`;

/**
 * How light a colour is, from 0 to 1, as contrast is measured.
 *
 * @param {Colour} colour
 */
function luminance(colour) {
  const [red, green, blue] = colour.map((channel) => {
    const share = channel / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/**
 * Write colours for CSS, and black or white on each, whichever is read better.
 *
 * @param {Colour[]} colours
 * @returns {Ramp}
 */
const asRamp = (colours) =>
  Object.assign(colours, {
    css: colours.map(css),
    ink: colours.map((colour) => (luminance(colour) > 0.179 ? '#000' : '#fff')),
  });

/** The colours of the page as it looks now. */
class Palette {
  /**
   * @param {ColourStops} stops
   * @param {boolean} isDark
   */
  constructor(stops, isDark) {
    const weights = levels(stops.weights);
    this.weights = asRamp(isDark ? weights.reverse() : weights);
    this.differences = asRamp(levels(isDark ? stops.differences_dark : stops.differences_light));
  }

  /**
   * The level of a weight between 0 and `highest`, or of a difference between -highest and highest.
   *
   * @param {number} weight
   * @param {number} highest
   * @param {boolean} [isDifference]
   */
  static level(weight, highest, isDifference) {
    const share = highest > 0 ? weight / highest : 0;
    const place = isDifference ? (share + 1) / 2 : share;
    return Math.max(0, Math.min(LEVELS - 1, Math.round(place * (LEVELS - 1))));
  }
}
