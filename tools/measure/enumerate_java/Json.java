import java.util.List;
import java.util.Map;

/** As much of JSON as the output needs: objects, lists, booleans, strings. */
final class Json {

    private Json() {
    }

    static String json(Object value) {
        if (value instanceof Map<?, ?> map) {
            return "{" + String.join(", ", map.entrySet().stream().map(entry -> json(entry.getKey()) + ": " + json(entry.getValue())).toList()) + "}";
        }
        if (value instanceof List<?> list) {
            return "[" + String.join(", ", list.stream().map(Json::json).toList()) + "]";
        }
        if (value instanceof Boolean) {
            return value.toString();
        }
        return "\"" + value.toString().replace("\\", "\\\\").replace("\"", "\\\"") + "\"";
    }
}
