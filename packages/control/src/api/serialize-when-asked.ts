import serializers from "@fastify/fast-json-stringify-compiler";

const build = serializers();

/**
 * Compiles how an answer is written when the first of its kind is: of some two hundred, one run of the control
 * plane writes a few, and compiling all takes a quarter of a second. A schema that cannot be compiled fails its
 * first answer.
 */
export const serializeWhenAsked: typeof build = (...options) => {
  const compile = build(...options);
  return (route) => {
    let serialize: ReturnType<typeof compile> | undefined;
    return (answer) => {
      serialize ??= compile(route);
      return serialize(answer);
    };
  };
};
