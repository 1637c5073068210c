// Runs clients of the npm package `mqtt` as told by lines of JSON on standard input; answers in lines of JSON.
// A command: {client, action, ...}. Answers: {client, event: "done" | "failed" | "message", ...}.
"use strict";

const fs = require("fs");
const readline = require("readline");
const mqtt = require("mqtt");

const [host, port] = [process.argv[2], Number(process.argv[3])];
// Files, or nothing.
const [ca, cert, key] = process.argv.slice(4, 7).map((path) => (path ? fs.readFileSync(path) : undefined));
const [username, password] = process.argv.slice(7).map((text) => text || undefined);
const levels = { "3.1": 3, "3.1.1": 4, "5.0": 5 };
const clients = new Map();

function say(client, event, words = {}) {
  process.stdout.write(JSON.stringify({ client, event, ...words }) + "\n");
}

function connectOptions(command) {
  const level = levels[command.version];
  const keeps = command.sessionExpiry > 0;
  const options = {
    host,
    port,
    protocol: ca ? "mqtts" : "mqtt",
    ca,
    cert,
    key,
    username,
    password,
    protocolVersion: level,
    protocolId: level === 3 ? "MQIsdp" : "MQTT",
    clientId: command.clientId,
    clean: !keeps,
    // A check wants to see a lost connection, not a repaired one.
    reconnectPeriod: 0,
  };
  if (level === 5 && keeps) {
    options.properties = { sessionExpiryInterval: command.sessionExpiry };
  }
  if (command.will) {
    const { topic, payload, qos, retain } = command.will;
    options.will = { topic, payload: Buffer.from(payload, "base64"), qos, retain };
  }
  return options;
}

function connect(command, onConnected) {
  const client = mqtt.connect(connectOptions(command));
  clients.set(command.client, client);
  client.on("error", (error) => answer(command, error));
  client.on("message", (topic, payload, packet) => {
    const { qos, retain } = packet;
    say(command.client, "message", { topic, payload: payload.toString("base64"), qos, retain });
  });
  client.once("connect", () => onConnected(client));
}

const actions = {
  publish(command) {
    const { topic, payload, qos, retain } = command.message;
    connect(command, (client) => {
      client.publish(topic, Buffer.from(payload, "base64"), { qos, retain }, (error) => {
        client.end(false, {}, () => answer(command, error));
      });
    });
  },

  subscribe(command) {
    connect(command, (client) => {
      client.subscribe(command.filter, { qos: command.qos }, (error, granted) => {
        const codes = error && error.packet ? error.packet.granted : (granted || []).map((grant) => grant.qos);
        const code = codes.find((code) => code >= 0x80);
        answer(command, code === undefined ? error : Object.assign(error || new Error("refused"), { code }));
      });
    });
  },

  close(command) {
    clients.get(command.client).end(false, {}, () => answer(command));
  },

  cut(command) {
    const client = clients.get(command.client);
    client.once("close", () => answer(command));
    client.stream.destroy();
  },
};

function answer(command, error) {
  if (error) {
    // What the broker has said is a number, what the system has said a text.
    say(command.client, "failed", { why: String(error), code: typeof error.code === "number" ? error.code : null });
  } else {
    say(command.client, "done");
  }
}

const lines = readline.createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const command = JSON.parse(line);
  actions[command.action](command);
});
lines.on("close", () => process.exit(0));
