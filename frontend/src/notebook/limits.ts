/** HTML that is longer is not parsed. */
export const HTML_LIMIT = 500_000
/** How much of such HTML is shown as text. */
export const HTML_AS_TEXT = 100_000
/** Text that is longer is cut at first. */
export const TEXT_LIMIT = 200_000
/** How much more of it each click shows. */
export const TEXT_STEP = 1_000_000
/** Source that is longer is not coloured, markdown not formatted. */
export const SOURCE_LIMIT = 100_000
/** Drawings that are longer are offered as a file. */
export const IMAGE_LIMIT = 20_000_000
