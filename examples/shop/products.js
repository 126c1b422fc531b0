'use strict';

/** Number of products; apart from the shop itself, so that the load need not load it. */
module.exports = { PRODUCTS: 8000 };
