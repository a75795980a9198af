/** A function that gives its last `count` different arguments the results they had; failures are forgotten. */
export function rememberRecent<Argument, Result>(
  count: number,
  compute: (argument: Argument) => Promise<Result>,
): (argument: Argument) => Promise<Result> {
  // In the order of their last use.
  const results = new Map<Argument, Promise<Result>>();
  return (argument) => {
    const result = results.get(argument) ?? compute(argument);
    results.delete(argument);
    results.set(argument, result);
    if (results.size > count) results.delete(results.keys().next().value as Argument);
    result.catch(() => results.delete(argument));
    return result;
  };
}
