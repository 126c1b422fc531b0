'use strict';

/** Answers of native functions that are no values: `src/cache/binding/answer.rs`. */
module.exports = {
  BAD_KEY: -1,
  TOO_LARGE: -2,
  NO_MEMORY: -3,
  TOO_SMALL: -5,
  DAMAGED: -6,
  CLOSED_MEANWHILE: -7,
  BAD_TAGS: -10,
};
