// Reads a password from a file, and again whenever it changes. `node app.js FILE`
'use strict';
const fs = require('fs');
const path = require('path');

const file = process.argv[2];
let password;

function read() {
  let now;
  try {
    now = fs.readFileSync(file, 'utf8');
  } catch (error) {
    console.log(`${file}: ${error.code}`); // gone, or not to be read now; the last one goes on
    return;
  }
  if (now === password) return;
  console.log(password === undefined ? 'connected' : 'connected again, with the new password');
  password = now;
}

read();
// The directory, not the file: a watch on it also sees a file that comes and goes.
fs.watch(path.dirname(file), read);
