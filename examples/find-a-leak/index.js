'use strict';

/** The shop of app.js with customers: `node examples/find-a-leak`. */

const { app } = require('./app.js');

/** Customers, and milliseconds between two requests of one. */
const CUSTOMERS = 8;
const PAUSE = 10;

/** @param {string} origin @param {number} customer */
async function shop(origin, customer) {
  for (let i = 0; ; i++) {
    const path = i % 3 === 0 ? `/users/${customer}` : `/products/${i % 200}`;
    const response = await fetch(origin + path);
    await response.json();
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
}

const server = app.listen(0, '127.0.0.1', () => {
  const { port } = server.address();
  const origin = `http://127.0.0.1:${port}`;
  console.log(`the shop is open at ${origin}`);
  for (let customer = 0; customer < CUSTOMERS; customer++) {
    void shop(origin, customer);
  }
});
